// Sets the look before the page is drawn: the person's choice, else that of the system. Not a module, which would run later.
(() => {
  const KEY = "edgewbc-theme";
  const root = document.documentElement.dataset;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const choose = () => { root.theme = localStorage.getItem(KEY) ?? (dark.matches ? "dark" : "light"); };
  choose();
  dark.addEventListener("change", choose);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      localStorage.setItem(KEY, root.theme === "dark" ? "light" : "dark");
      choose();
    });
  });
})();
