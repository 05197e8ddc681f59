"""Make the pictures of the guide and of the README again, from a running demonstration.

    python docs/guide/shots.py http://127.0.0.1:8000

It does what the guide says, as each role in turn, on the fictitious people of the demonstration;
start from a fresh one. Needs the test requirements (playwright) and Chromium.
"""

import base64
import re
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
DESK = {"width": 1440, "height": 900}
SHEET = {"width": 1120, "height": 640}
PHONE = {"width": 390, "height": 844}
CPTS = "/c/centre-saone-et-loire/"
CALL_BACK = "03 53 01 42 42"  # a range reserved for fiction
SHIFTS = np.array([16, 8, 0])  # of red, green, blue in one number
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--lang=fr-FR", "--force-color-profile=srgb"]


def main(site: str) -> None:
    with sync_playwright() as play:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        tour = Tour(browser, site.rstrip("/"))
        desk = tour.desk()
        tour.administration()
        tour.account()
        tour.professional(desk)
        tour.desk_sheets()
        tour.secretary()
        tour.coordination()
        tour.coordination_sheets()
        tour.search()
        tour.data_protection()
        browser.close()


class Tour:
    def __init__(self, browser: Browser, site: str) -> None:
        self.browser, self.site = browser, site
        self.link = self.doctor = ""

    def open(self, person: str = "", size: dict[str, int] = DESK) -> Page:
        """A window of its own; one click on the demonstration's door as `person`."""
        context = self.browser.new_context(
            viewport=size, locale="fr-FR", timezone_id="Europe/Paris", color_scheme="light"
        )
        page = context.new_page()
        page.set_default_timeout(15_000)
        if person:
            page.goto(f"{self.site}/demo/")
            page.get_by_role("button", name=re.compile(person)).first.click()
            page.wait_for_url(re.compile(r"/c/"))
        return page

    def go(self, page: Page, path: str) -> None:
        page.goto(f"{self.site}{CPTS}{path}")

    def show(self, page: Page, path: str, name: str) -> None:
        self.go(page, path)
        shoot(page, name)

    def desk(self) -> Page:
        """A call is written down, then proposed."""
        page = self.open("Malo Standard")
        rows = page.locator("a.req", has_text="À traiter")
        for address in [row.get_attribute("href") for row in rows.all()]:
            page.goto(self.site + address)
            if page.locator(".pro").count() > 2:
                break
        shoot(page, "../img/board")
        page.get_by_role("link", name="Nouvelle", exact=True).click()
        page.wait_for_url(re.compile("nouvelle"))
        if page.get_by_label(re.compile("J'ai lu la consigne")).count():
            page.get_by_label(re.compile("J'ai lu la consigne")).check()
        shoot(page, "demande")
        page.get_by_label("Aucun de ces signes").check()
        page.get_by_label("Téléphone à rappeler").fill(CALL_BACK)
        page.get_by_label("Commune du patient").select_option(label="Montceau-les-Mines")
        page.get_by_label("Motif").select_option("back_pain")
        page.get_by_text("Adulte (16 à 69 ans)").click()
        page.get_by_text("Le reste, si vous l'avez").click()
        page.get_by_label("Nom du patient").fill("Essai-Fictif")
        page.locator("input[name=agreement_from][value=patient]").check()
        page.get_by_role("button", name="Enregistrer et chercher").click()
        page.wait_for_url(re.compile(r"\?demande=\d+$"))
        if page.get_by_role("button", name="Je la prends").count():  # outside the hours
            page.get_by_role("button", name="Je la prends").click()
            page.get_by_role("button", name="Je la prends").wait_for(state="detached")
        page.wait_for_selector(".slot.ask")
        first = page.locator(".pro", has=page.locator(".slot.ask")).first
        self.doctor = first.locator("b").first.inner_text()
        first.locator(".slot.ask").first.click()
        page.locator(".prop").first.scroll_into_view_if_needed()
        shoot(page, "proposee")
        self.inform(page.url)
        return page

    def inform(self, asked_at: str) -> None:
        page = self.open("Malo Standard", SHEET)
        page.goto(asked_at)
        page.get_by_role("link", name="Information sur les données").click()
        page.get_by_role("button", name="Noter l'information").wait_for()
        shoot(page, "informer")

    def administration(self) -> None:
        page = self.open("Ariane Administration")
        self.show(page, "envois/", "envois")
        found = re.search(r"/r/\S+/", page.locator("main").inner_text())
        assert found, "no link in the outbox"
        self.link = found.group(0)
        self.show(page, "roles/", "roles")
        page = self.open("Ariane Administration", {"width": 1120, "height": 500})
        self.show(page, "information/", "information")

    def account(self) -> None:
        """The door, then what everybody finds under their own name."""
        page = self.open(size=SHEET)
        page.goto(f"{self.site}/compte/login/")
        shoot(page, "connexion")
        page = self.open("Ariane Administration", SHEET)
        page.goto(f"{self.site}/compte/")
        shoot(page, "compte")
        page.goto(f"{self.site}/compte/2fa/")
        shoot(page, "second_facteur")
        page.goto(f"{self.site}/compte/sessions/")
        shoot(page, "sessions")

    def professional(self, desk: Page) -> None:
        """The link first; then signed in, once accepted."""
        page = self.open(size=PHONE)
        page.goto(self.site + self.link)
        shoot(page, "lien")
        page.get_by_role("button", name="Accepter").click()
        page.get_by_text("Acceptée, merci").wait_for()
        desk.locator(".cur").get_by_role("button", name="informé", exact=True).wait_for()
        shoot(desk, "acceptee")
        page = self.open("Professionnel de santé.*Alix Coquelicot", PHONE)
        shoot(page, "journee")
        self.show(page, "disponibilites/visibilite/", "visibilite")
        self.show(page, "sollicitations/", "sollicitations")
        self.show(page, "sollicitations/repartition/", "repartition")
        officer = self.open("Thémis")
        self.go(officer, "journal/?acte=snp.created")
        number = re.search(r"n°\s(\d+)", officer.locator("main").inner_text())
        assert number, "no request in the journal"
        self.go(page, "snp/bris-de-glace/")
        page.get_by_label("N° de la demande").fill(number[1])
        page.locator("input[name=motive][value=continuity]").check()
        page.get_by_label("Pourquoi, en une phrase").fill("Médecin absent, il rappelle")
        shoot(page, "bris_de_glace")
        page.get_by_role("button", name="Ouvrir l'identité").click()
        page.get_by_role("heading", name="Patient").wait_for()

    def desk_sheets(self) -> None:
        page = self.open("Malo Standard", SHEET)
        self.show(page, "snp/absences/", "absences")
        self.show(page, "snp/releve/", "releve")
        self.show(page, "snp/jour/", "jour")
        self.go(page, "creneaux/")
        page.get_by_label("Autour de").select_option(label="Montceau-les-Mines")
        page.get_by_role("button", name="Chercher", exact=True).click()
        page.get_by_role("table").wait_for()
        shoot(page, "creneaux")

    def secretary(self) -> None:
        page = self.open("Célestin Secrétariat")
        self.show(page, "disponibilites/", "semaine")

    def coordination(self) -> None:
        page = self.open("Nour Coordination")
        self.show(page, "snp/suivi/", "suivi")
        self.show(page, "snp/reglages/", "reglages")
        self.go(page, "structures/")
        page.get_by_role("link", name="Centre hospitalier Jean Bouveri", exact=True).click()
        page.get_by_role("heading", name=re.compile("Bouveri")).wait_for()
        shoot(page, "structure")
        self.show(page, "territoire/", "territoire")

    def coordination_sheets(self) -> None:
        page = self.open("Nour Coordination", SHEET)
        self.show(page, "snp/cercles/", "cercles")
        self.show(page, "snp/astreinte/", "astreinte")
        self.show(page, "snp/accords/", "accords")
        self.show(page, "snp/chiffres/", "chiffres")

    def search(self) -> None:
        """Somebody asks on the public site; the coordination reads the attribution."""
        page = self.open(size=PHONE)
        page.goto(f"{self.site}{CPTS.replace('/c/', '/p/')}medecin-traitant/demande/")
        shoot(page, "mt_demande")
        page = self.open("Nour Coordination")
        self.show(page, "medecin-traitant/attribution/", "mt_attribution")

    def data_protection(self) -> None:
        page = self.open("Thémis")
        self.show(page, "journal/", "journal")
        page = self.open("Thémis", SHEET)
        self.show(page, "snp/bris-de-glace/relecture/", "relecture")
        self.show(page, "conservation/", "conservation")
        self.go(page, "droits/")
        page.get_by_label("Nom", exact=True).fill("Essai-Fictif")
        page.get_by_label("Commune").fill("Montceau-les-Mines")
        page.get_by_role("button", name="Chercher", exact=True).click()
        page.locator("main a[href*='/droits/']").first.click()
        page.get_by_role("heading", name="Qui a regardé").wait_for()
        shoot(page, "droits")


def shoot(page: Page, name: str) -> None:
    """One PNG of the window, written with a palette so that it stays light."""
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(400)
    target = HERE / "img" / f"{name}.png" if "/" not in name else HERE / f"{name}.png"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(with_palette(pixels(page, page.screenshot())))
    print(f"{target.name}: {target.stat().st_size // 1000} kB")


READ = """async data => {
  const image = await createImageBitmap(await (await fetch(data)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const bytes = pen.getImageData(0, 0, image.width, image.height).data;
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768)
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return [image.height, image.width, btoa(text)];
}"""


def pixels(page: Page, png: bytes) -> np.ndarray:
    """Height × width × RGB of a picture, read by a blank window of the same browser."""
    blank = page.context.new_page()
    height, width, text = blank.evaluate(
        READ, "data:image/png;base64," + base64.b64encode(png).decode()
    )
    blank.close()
    rgba = np.frombuffer(base64.b64decode(text), np.uint8)
    return rgba.reshape(height, width, 4)[:, :, :3]


def with_palette(rgb: np.ndarray) -> bytes:
    """The same picture in at most 256 colours: the most frequent, the others to their nearest."""
    packed = (rgb.astype(np.int64) << SHIFTS).sum(axis=2)
    colours, inverse, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = colours[np.argsort(-counts, kind="stable")[:256]]
    every, palette = (each[:, None] >> SHIFTS & 255 for each in (colours, kept))
    nearest = np.concatenate(
        [
            ((part[:, None, :] - palette[None]) ** 2).sum(axis=2).argmin(axis=1)
            for part in np.array_split(every, len(every) // 4096 + 1)
        ]
    )
    rows = nearest[inverse].reshape(packed.shape).astype(np.uint8)
    plain = np.hstack([np.zeros((len(rows), 1), np.uint8), rows]).tobytes()
    header = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 8, 3, 0, 0, 0)
    body = [(b"IHDR", header), (b"PLTE", palette.astype(np.uint8).tobytes())]
    body += [(b"IDAT", zlib.compress(plain, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in body
    )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
