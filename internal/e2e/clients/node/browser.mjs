// node browser.mjs ENGINE starts one headless browser: chromium, firefox or webkit. It then reads
// commands from standard input and answers on standard output, one JSON object per line:
//
//	{"id": 1, "open": "http://127.0.0.1:40123/page.html"}   {"id": 1, "tab": "7"}
//	{"id": 2, "close": "7"}                                 {"id": 2}
//
// All tabs share cookies, cache and workers. In Chromium, a profile for each tab would need ten
// times the tab's CPU time, because a profile has its own window.
//
// An answer has an "error" if the command failed. The first line is not an answer: it contains the
// browser's version when the browser is ready. The browser is stopped at the end of standard input,
// so that it never outlives the program that started it.
import { spawn } from "node:child_process";
import { access, constants, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

const folder = await mkdtemp(join(tmpdir(), "ssed-browser-"));
process.env.HOME = process.env.TMPDIR = folder; // everything that a browser writes goes there
const timeout = 120_000; // milliseconds, for machines that are busy with other tests
const children = [];

const engines = {
  chromium: async () =>
    puppet({
      browser: "chrome",
      executablePath: await which("chromium"),
      pipe: true,
      userDataDir: join(folder, "profile"),
      args: [
        "--headless",
        "--no-sandbox", // it does not work in containers or as root
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    }),
  firefox: async () =>
    puppet({
      browser: "firefox",
      executablePath: await which("firefox-esr"),
      headless: true,
      // In addition to the settings of puppeteer: no request leaves the machine.
      extraPrefsFirefox: {
        "app.normandy.enabled": false,
        "browser.region.network.url": "",
        "browser.region.update.enabled": false,
        "browser.search.update": false,
        "dom.push.connection.enabled": false,
        "extensions.getAddons.cache.enabled": false,
        "extensions.systemAddon.update.enabled": false,
        "media.gmp-manager.updateEnabled": false,
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
        "network.dns.disablePrefetch": true,
        "network.prefetch-next": false,
        "network.trr.mode": 5,
        "services.settings.server": "data:,#remote-settings-dummy/v1",
      },
    }),
  webkit,
};

// puppet starts a browser that puppeteer can drive.
async function puppet(options) {
  const { default: puppeteer } = await import("puppeteer-core");
  const browser = await puppeteer.launch({
    ...options,
    timeout,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  children.push(browser.process());
  browser.on("disconnected", () => end(1, "the browser exited"));
  const tabs = new Map();
  let opened = 0;
  return {
    version: await browser.version(),
    async open(url) {
      const page = await browser.newPage();
      const tab = String(++opened);
      tabs.set(tab, page);
      await page.goto(url, { waitUntil: "domcontentloaded", timeout });
      return tab;
    },
    async close(tab) {
      await tabs.get(tab).close();
      tabs.delete(tab);
    },
  };
}

// webkit starts WebKitGTK's MiniBrowser on its own X display. Its driver speaks W3C WebDriver:
// https://www.w3.org/TR/webdriver2/
async function webkit() {
  const display = await xvfb();
  const port = await freePort();
  const driver = run("WebKitWebDriver", [`--port=${port}`], { env: { ...process.env, DISPLAY: display } });
  driver.on("exit", (code) => end(1, `WebKitWebDriver exited with ${code}`));
  const base = `http://127.0.0.1:${port}`;
  const call = async (method, path, body) => {
    const answer = await fetch(base + path, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  };
  await until(() => call("GET", "/status"));
  const { sessionId, capabilities } = await call("POST", "/session", {
    capabilities: { alwaysMatch: { pageLoadStrategy: "none" } },
  });
  const session = `/session/${sessionId}`;
  const home = await call("GET", `${session}/window`);
  // A new window is opened from the current one, so the current one must never be closed.
  const within = async (tab, action) => {
    await call("POST", `${session}/window`, { handle: tab });
    try {
      return await action();
    } finally {
      await call("POST", `${session}/window`, { handle: home });
    }
  };
  return {
    version: `${capabilities.browserName} ${capabilities.browserVersion}`,
    async open(url) {
      const { handle } = await call("POST", `${session}/window/new`, { type: "tab" });
      await within(handle, () => call("POST", `${session}/url`, { url }));
      return handle;
    },
    close: (tab) => within(tab, () => call("DELETE", `${session}/window`)),
  };
}

// xvfb starts an X server without a screen, and returns the name of its display.
async function xvfb() {
  const server = run("Xvfb", ["-displayfd", "3", "-nolisten", "tcp", "-screen", "0", "1024x768x24"], {
    stdio: ["ignore", 2, 2, "pipe"],
  });
  server.on("exit", (code) => end(1, `Xvfb exited with ${code}`));
  for await (const line of createInterface({ input: server.stdio[3] })) return ":" + line;
}

// run starts a program. Its output goes to standard error, because standard output is reserved for
// answers.
function run(program, args, options) {
  const child = spawn(program, args, { stdio: ["ignore", 2, 2], detached: true, ...options });
  child.on("error", (error) => end(1, `${program}: ${error.message}`));
  children.push(child);
  return child;
}

// which returns the path of a program.
async function which(program) {
  for (const folder of process.env.PATH.split(delimiter)) {
    const path = join(folder, program);
    if (await access(path, constants.X_OK).then(() => true, () => false)) return path;
  }
  throw new Error(`${program} is not in PATH: install it`);
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// until repeats an attempt until it succeeds.
async function until(attempt) {
  for (const deadline = Date.now() + timeout; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

let ending = false;

// end stops the browser, removes its files and exits. why, if given, is printed as the reason.
async function end(code, why) {
  if (ending) return new Promise(() => {});
  ending = true;
  if (why) console.error(why);
  for (const child of children) {
    try {
      process.kill(-child.pid, "SIGKILL"); // each child leads its own process group
    } catch {} // the child has exited
  }
  await until(() => rm(folder, { recursive: true, force: true }));
  process.exit(code);
}

const answer = (object) => process.stdout.write(JSON.stringify(object) + "\n");

const start = engines[process.argv[2]];
if (!start) await end(2, `unknown engine ${process.argv[2]}: expected one of ${Object.keys(engines).join(", ")}`);
const browser = await start().catch((error) => end(1, error.stack));
answer({ version: browser.version });

const commands = {
  open: async ({ open }) => ({ tab: await browser.open(open) }),
  close: async ({ close }) => void (await browser.close(close)),
};

const input = createInterface({ input: process.stdin });
input.on("close", () => end(0)); // also while a command hangs
// Commands run one at a time: WebDriver has one current window, and Firefox fails to open a tab
// while it closes another.
for await (const line of input) {
  const command = JSON.parse(line);
  const name = Object.keys(commands).find((name) => name in command);
  try {
    answer({ id: command.id, ...(await commands[name](command)) });
  } catch (error) {
    answer({ id: command.id, error: error.stack });
  }
}
