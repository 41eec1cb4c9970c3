// <local-time><time datetime="…">… UTC</time></local-time>: the same moment on the reader's own clock.

const FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

class LocalTime extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    time.title = time.textContent;
    time.textContent = FORMAT.format(new Date(time.dateTime));
  }
}

customElements.define("local-time", LocalTime);
