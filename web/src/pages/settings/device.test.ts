import { expect, test } from "vitest";
import { device } from "./device";

const CHROME =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

test("browsers are told apart although they all claim to be each other", () => {
  expect(device(CHROME)).toBe("Chrome on Linux");
  expect(device(`${CHROME} Edg/131.0.0.0`)).toBe("Edge on Linux");
  expect(device("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0")).toBe(
    "Firefox on Windows",
  );
  expect(
    device(
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    ),
  ).toBe("Safari on iPhone");
});

test("an Android is no Linux", () => {
  expect(
    device("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36"),
  ).toBe("Chrome on Android");
});

test("nothing is claimed of what is not known", () => {
  expect(device("")).toBe("an unknown browser");
  expect(device("<img src=x onerror=alert(1)>")).toBe("an unknown browser");
});
