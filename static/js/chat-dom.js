// Makes elements. What is a string becomes text, never HTML.

// PROPERTIES of the element; those with a hyphen, and `role`, are attributes.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function button(label, does, properties = {}) {
  const made = element("button", { type: "button", ...properties }, label);
  made.addEventListener("click", does);
  return made;
}
