// media-chrome, whose elements bring <style> of their own: the page's policy allows those that carry its nonce.

const { nonce } = document.querySelector("script[type=importmap]");
const define = customElements.define;

customElements.define = function (name, element, ...more) {
  const template = element.getTemplateHTML;
  if (template) {
    element.getTemplateHTML = function (...given) {
      return template.apply(this, given).replaceAll("<style>", `<style nonce="${nonce}">`);
    };
  }
  define.call(this, name, element, ...more);
};
try {
  await import("media-chrome");
} finally {
  customElements.define = define;
}
