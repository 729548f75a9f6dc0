/**
 * Runs client.js against a server with open registration, such as
 *
 *     RATE_LIMIT_AUTH_PER_MINUTE=0 cargo run -p full-app
 *     GUARDRAIL_URL=http://127.0.0.1:8081 node --test book/samples/client.test.mjs
 *
 * Node 22.7 or 20.19, or later: those read client.js as the module that it is.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { ApiError, Client, queue } from "./client.js";

const url = process.env.GUARDRAIL_URL;
const base = `${url}/api`;
const options = { skip: url === undefined && "GUARDRAIL_URL is not set" };

/** A browser, as far as it is needed: cookies, of which Node's fetch keeps none, and what tabs share. */
class Browser {
  name = `guardrail-${randomUUID()}`;
  cookies = new Map();
  locks = queue();
  /** What was sent: `POST /refresh`. */
  sent = [];
  /** Whether the answer to a request gets lost. */
  loses = () => false;
  /** What becomes of a request's headers on the way. */
  spoils = (headers) => headers;
  #stored = null;
  #tabs = [];

  tokens = {
    shared: true,
    get: () => this.#stored,
    set: (token) => {
      this.#stored = token;
    },
  };

  fetch = async (address, init = {}) => {
    const headers = new Headers(init.headers);
    if (init.credentials === "include" && this.cookies.size > 0) {
      headers.set("cookie", [...this.cookies].map((pair) => pair.join("=")).join("; "));
    }
    const what = `${init.method ?? "GET"} ${new URL(address).pathname.replace("/api", "")}`;
    this.sent.push(what);
    const response = await fetch(address, { ...init, headers: this.spoils(headers, what) });
    if (this.loses(what)) {
      await response.arrayBuffer();
      throw new TypeError("the answer got lost");
    }
    for (const line of response.headers.getSetCookie()) this.#set(line);
    return response;
  };

  tab(onChange = () => {}) {
    const { name, tokens, locks, fetch } = this;
    const client = new Client({ base, name, tokens, locks, fetch, onChange });
    this.#tabs.push(client);
    return client;
  }

  count(what) {
    return this.sent.filter((sent) => sent === what).length;
  }

  close() {
    for (const tab of this.#tabs) tab.close();
  }

  #set(line) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    assert.ok(attributes.includes("HttpOnly"), `a page could read the cookie: ${attributes}`);
    if (attributes.includes("Max-Age=0")) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

/** A user of the test's own. */
async function register() {
  const name = `user-${randomUUID()}`;
  const user = { email: `${name}@example.com`, username: name, password: `the password of ${randomUUID()}` };
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${base}/register`, { method: "POST", headers, body: JSON.stringify(user) });
  assert.equal(response.status, 201, await response.text());
  return user;
}

/** A browser with a tab that is signed in. */
async function signedIn(t, onChange) {
  const [user, browser] = [await register(), new Browser()];
  t.after(() => browser.close());
  const tab = browser.tab(onChange);
  await tab.login(user.email, user.password);
  return { user, browser, tab };
}

const refused = (code) => (error) => error instanceof ApiError && error.status === 401 && error.code === code;

async function profile(tab) {
  const response = await tab.request("/profile");
  assert.equal(response.status, 200);
  return (await response.json()).data;
}

/** Until what tabs tell each other has arrived. */
async function eventually(holds) {
  for (let tries = 0; tries < 500 && !holds(); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(holds());
}

test("a log-in, a request, a log-out", options, async (t) => {
  const changes = [];
  const { user, browser, tab } = await signedIn(t, (what) => changes.push(what));
  assert.equal((await profile(tab)).email, user.email);
  assert.equal(browser.count("POST /refresh"), 0);
  await tab.logout();
  assert.ok(!tab.signedIn && browser.cookies.size === 0);
  assert.deepEqual(changes, ["ended"]);
  await assert.rejects(tab.request("/profile"), refused("signed_out"));
  await tab.logout();
});

test("a wrong password signs nobody in", options, async (t) => {
  const [user, browser] = [await register(), new Browser()];
  t.after(() => browser.close());
  const tab = browser.tab();
  await assert.rejects(tab.login(user.email, "not the password"), refused("invalid_credentials"));
  assert.ok(!tab.signedIn && browser.cookies.size === 0);
});

test("an access token that is refused is renewed, once", options, async (t) => {
  const { browser, tab } = await signedIn(t);
  let refusals = 1;
  browser.spoils = (headers) => {
    if (headers.has("authorization") && refusals > 0) {
      refusals -= 1;
      headers.set("authorization", "Bearer nonsense");
    }
    return headers;
  };
  await profile(tab);
  assert.equal(browser.count("POST /refresh"), 1);
  refusals = 2;
  assert.equal((await tab.request("/profile")).status, 401);
  assert.equal(browser.count("POST /refresh"), 2);
  await profile(tab);
});

test("after a reload, requests at once renew once", options, async (t) => {
  const { browser } = await signedIn(t);
  const reloaded = browser.tab();
  assert.ok(reloaded.signedIn);
  await Promise.all(Array.from({ length: 10 }, () => profile(reloaded)));
  assert.equal(browser.count("POST /refresh"), 1);
});

test("tabs renew one after the other, and each goes on", options, async (t) => {
  const { browser } = await signedIn(t);
  const tabs = [browser.tab(), browser.tab(), browser.tab()];
  await Promise.all(tabs.map(profile));
  assert.ok(browser.count("POST /refresh") <= 3);
  await profile(browser.tab());
  await Promise.all(tabs.map(profile));
});

test("an answer that gets lost costs no session", options, async (t) => {
  const { browser } = await signedIn(t);
  let losses = 2;
  browser.loses = (what) => what === "POST /refresh" && losses-- > 0;
  await profile(browser.tab());
  assert.equal(browser.count("POST /refresh"), 3);
  await profile(browser.tab());
});

test("a session that was ended elsewhere is over in every tab", options, async (t) => {
  const changes = [];
  const { user, browser, tab } = await signedIn(t, (what) => changes.push(`one ${what}`));
  browser.tab((what) => changes.push(`two ${what}`));
  const phone = new Browser();
  t.after(() => phone.close());
  const other = phone.tab();
  await other.login(user.email, user.password);
  assert.equal((await other.request("/logout/all", { method: "POST" })).status, 200);
  await assert.rejects(tab.request("/profile"), refused("session_ended"));
  assert.ok(!tab.signedIn);
  await eventually(() => changes.length === 2);
  assert.deepEqual(changes.sort(), ["one ended", "two ended"]);
});

test("a log-in in one tab is the other's session too", options, async (t) => {
  const changes = [];
  const { browser, tab } = await signedIn(t, (what) => changes.push(what));
  const [user, other] = [await register(), browser.tab()];
  await other.login(user.email, user.password);
  await eventually(() => changes.length === 1);
  assert.deepEqual(changes, ["begun"]);
  assert.equal((await profile(tab)).email, user.email);
});

test("without its cookie a session is of no use, and not over", options, async (t) => {
  const { browser, tab } = await signedIn(t);
  const cookies = browser.cookies;
  browser.cookies = new Map();
  await assert.rejects(tab.request("/profile"), refused("fingerprint_missing"));
  browser.cookies = cookies;
  await profile(tab);
});

test("a refresh token of another server ends what is stored of it", options, async (t) => {
  const { browser, tab } = await signedIn(t);
  browser.tokens.set("nonsense");
  await assert.rejects(browser.tab().request("/profile"), refused("token_invalid"));
  assert.ok(!tab.signedIn && browser.tokens.get() === null);
});

test("a new password goes on in a fresh session", options, async (t) => {
  const { user, browser, tab } = await signedIn(t);
  await assert.rejects(tab.changePassword("not the password", "battery staple horse"), (error) => {
    return error.status === 422 && error.errors.current_password.length === 1;
  });
  await tab.changePassword(user.password, "battery staple horse");
  await profile(tab);
  await profile(browser.tab());
  await tab.logout();
  await tab.login(user.email, "battery staple horse");
});

test("a path stays with its server", options, async (t) => {
  const { browser, tab } = await signedIn(t);
  const before = browser.sent.length;
  for (const path of ["", "profile", "//evil.example", "/\\evil.example", ".evil.example", "https://evil"]) {
    await assert.rejects(tab.request(path), TypeError);
  }
  assert.equal(browser.sent.length, before);
});
