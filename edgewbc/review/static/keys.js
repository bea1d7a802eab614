// What each key does. Keys are ignored in dialogs and where text is entered.

const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"]);
const SINGLE = "edgewbc-single-keys";

export class Keys {
  constructor(actions) {
    this.actions = actions;
    this.single = localStorage.getItem(SINGLE) !== "off";
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  setSingle(on) {
    this.single = on;
    localStorage.setItem(SINGLE, on ? "on" : "off");
  }

  pressed(event) {
    const { actions } = this;
    if (event.defaultPrevented || event.isComposing || event.altKey || actions.inDialog()) return;
    const { target } = event;
    if (target.matches?.("input, textarea, select")) return;
    const done = this.handle(event, target.matches?.("button, a"));
    if (done) event.preventDefault();
  }

  // Returns whether the key meant something. On a button, Enter and Space press it.
  handle(event, onButton) {
    const { actions } = this;
    const { key } = event;
    const control = event.ctrlKey || event.metaKey;
    if (control) {
      if (key === "z" && !event.shiftKey) return actions.undo();
      if (key === "a") return actions.selectAll();
      return false;
    }
    if (MOVES.has(key)) return actions.move(key, event.shiftKey);
    if (key === "Escape") return actions.back();
    if (onButton && (key === "Enter" || key === " ")) return false;
    if (!this.single) return key === "?" ? actions.help() : false;
    if (key === "Enter") return actions.confirm();
    if (key === " ") return actions.toggle();
    if (event.repeat && /^[0-9a-z]$/i.test(key) && key !== "z") return true;
    const label = actions.labelOf(key.toLowerCase());
    if (label) return actions.assign(label);
    switch (key.toLowerCase()) {
      case "z": return actions.undo();
      case "o": return actions.nextOpen();
      case "a": return actions.selectGroup();
      case "v": return actions.enlarge();
      case "f": return actions.field();
      case "m": return actions.map();
      case "s": return actions.sign();
      case "n": return actions.person();
      case "?": return actions.help();
      case "+":
      case "=": return actions.zoom(1);
      case "-":
      case "−": return actions.zoom(-1);
      default: return false;
    }
  }
}
