// Starts the page. The page's own program does the rest.

// The editor is no part of the first view: until the browser is idle, a plain text field stands in its place.
const idle = () =>
  new Promise((resolve) =>
    "requestIdleCallback" in globalThis ? requestIdleCallback(resolve, { timeout: 2000 }) : setTimeout(resolve, 200),
  );
globalThis.kijabiLoadEditor = () => idle().then(() => import("/editor.js"));
globalThis.kijabiLoadTerminal = () => import("/terminal.js");

const failed = (error) => {
  console.error(error);
  const message = document.getElementById("boot-message");
  if (message) {
    message.textContent = `The page could not start: ${error?.message ?? error}. Please reload it. / 페이지를 시작하지 못했습니다. 새로고침해 주세요.`;
  }
};

try {
  // Remembered colours first, so that nothing flashes.
  document.documentElement.dataset.theme = JSON.parse(localStorage.getItem("kijabi.theme") ?? '"auto"');
} catch {
  // A browser that keeps nothing shows the system's colours.
}

import("/frontend.js").then((page) => page.default({ module_or_path: "/frontend_bg.wasm" })).catch(failed);
