"""Open every page of the site in Chromium, as wide as a screen and as a phone: browser.py FOLDER.

A page that is wider than its window, or a script that fails, is an error. Where there is no
Chromium (Debian's package is ``chromium``), that is said, and nothing is looked at.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (1400, 390)
LONGEST = 300  # seconds for all pages

#: Loads the pages one by one, in a frame that is as wide as a window would be.
LOOK = """<!doctype html><body><script>
const pages = PAGES, widths = WIDTHS, found = [];
const next = () => new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)));
async function look() {
  for (const width of widths) for (const page of pages) {
    const frame = document.createElement("iframe");
    frame.style = `width: ${width}px; height: 900px; border: 0`;
    const loaded = new Promise(done => frame.onload = done);
    frame.src = page;
    document.body.append(frame);
    await loaded;
    await next();
    const root = frame.contentDocument.documentElement;
    if (root.scrollWidth > width) found.push(`${page} is ${root.scrollWidth} px wide in ${width}`);
    frame.remove();
  }
  await fetch("/", {method: "POST", body: JSON.stringify(found)});
}
look();
</script>"""


class Site(SimpleHTTPRequestHandler):
    """The pages, a page that looks at them, and a place for what it finds."""

    def __init__(self, *arguments, look: str, found: Queue, **options):
        self.look, self.found = look, found
        super().__init__(*arguments, **options)

    def do_GET(self):
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.look.encode())

    def do_POST(self):
        self.found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        """Say nothing."""


def look_at(browser: str, folder: Path) -> list[str]:
    """Return what is wrong with the pages of a folder."""
    pages = sorted(f"/{path.relative_to(folder)}" for path in folder.rglob("*.html"))
    look = LOOK.replace("PAGES", json.dumps(pages)).replace("WIDTHS", json.dumps(WIDTHS))
    found: Queue = Queue()
    handler = partial(Site, directory=str(folder), look=look, found=found)
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        tempfile.TemporaryDirectory() as profile,
        tempfile.TemporaryFile("w+") as log,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
        url = f"http://127.0.0.1:{server.server_port}/"
        command = [browser, *options, f"--user-data-dir={profile}", "--window-size=1500,1000", url]
        with subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL) as chromium:
            try:
                wide = found.get(timeout=LONGEST)
            except Empty:
                wide = [f"the pages took more than {LONGEST} s"]
            finally:
                chromium.terminate()
        server.shutdown()
        log.seek(0)
        failed = re.findall(r"CONSOLE.*?\] (.*(?:Error|Uncaught|Failed).*)", log.read())
    print(f"{len(pages)} pages looked at, {' and '.join(map(str, WIDTHS))} px wide")
    return [*wide, *failed]


def main() -> int:
    """Return the exit status."""
    browser = next(filter(shutil.which, BROWSERS), None)
    if browser is None:
        print("There is no chromium on the PATH: the pages are not looked at")
        return 0
    faults = look_at(browser, Path(sys.argv[1]))
    print(*faults, sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
