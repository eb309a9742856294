// Starts the WebAssembly module. A file of its own, because the content security policy forbids
// scripts inside the page.
import init from "{inquest.js}";

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

// The theme is set before the first paint, so that nothing flashes.
const theme = localStorage.getItem("inquest.theme");
if (theme) document.documentElement.dataset.theme = theme;

// WebAssembly cannot import() by itself.
window.inquestEditor = () => import(meta("inquest-editor"));

init({ module_or_path: meta("inquest-module") }).catch((error) => {
  document.getElementById("boot").textContent =
    `Inquest could not start: ${error}. Reload the page; if that does not help, this browser may lack WebAssembly.`;
});
