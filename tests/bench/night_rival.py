#!/usr/bin/env python3
"""The night sync as a system administrator would write it: requests, JSON, one SQLite file. The rival of bench_night.

night_rival.py BASE_URL CA_FILE SM4_KEY_HEX DATABASE MONTH TAXPAYER...
Lists every window of the month (both directions, types 81 and 82), compares each invoice with what the database says,
updates it and notes the change. One keep-alive connection; a commit for each package.
"""
import base64
import calendar
import http.client
import json
import sqlite3
import ssl
import sys
import time
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ABILITY = "202007"
FACTS = ("fplx", "kprq", "xsfnsrsbh", "xsfmc", "gmfnsrsbh", "gmfmc", "hjje", "hjse")
STATUS = ("fpzt", "hzsdbs", "fpyt", "rzzt", "ycpzzt")


class Platform:
    def __init__(self, base_url, ca_file, key):
        url = urlsplit(base_url)
        context = ssl.create_default_context(cafile=ca_file)
        self.connection = http.client.HTTPSConnection(url.hostname, url.port, context=context)
        self.cipher = Cipher(algorithms.SM4(key), modes.ECB())

    def call(self, service, request):
        text = json.dumps(request, ensure_ascii=False).encode()
        text += bytes([16 - len(text) % 16]) * (16 - len(text) % 16)
        sealer = self.cipher.encryptor()
        body = base64.b64encode(sealer.update(text) + sealer.finalize())
        headers = {"Content-Type": "text/plain; charset=utf-8", "nlbm": ABILITY, "fwbm": service,
                   "jrdwptbh": "SIM-ACCESS", "sydwptbh": "SIM-USING", "access_signature": "", "sxcsbz": "N"}
        self.connection.request("POST", f"/access/v2/invoke/{ABILITY}/{service}/", body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{service}: HTTP {answer.status}")
        response = json.loads(json.loads(text)["body"])["Response"]
        if "Error" in response:
            raise RuntimeError(f"{service}: {response['Error']}")
        opener = self.cipher.decryptor()
        plain = opener.update(base64.b64decode(response["Data"])) + opener.finalize()
        reply = json.loads(plain[:-plain[-1]])
        if reply.get("returncode", "00") != "00":
            raise RuntimeError(f"{service}: {reply.get('returnmessage')}")
        return reply


def window(platform, db, services, taxpayer, direction, kind, month):
    apply, state, package = services
    year, number = map(int, month.split("-"))
    last = f"{month}-{calendar.monthrange(year, number)[1]:02}"
    receipt = platform.call(apply, {"nsrsbh": taxpayer, "sjlx": direction, "fplx": kind, "kprqq": month + "-01",
                                    "kprqz": last, "bwgs": "json"})["lsh"]
    while True:
        told = platform.call(state, {"nsrsbh": taxpayer, "lsh": receipt})
        if told["clzt"] == "00":
            break
        time.sleep(0.1)
    for page in range(1, int(told["packagecount"]) + 1):
        listed = platform.call(package, {"nsrsbh": taxpayer, "lsh": receipt, "packageno": str(page)})["fpxxList"]
        for invoice in listed:
            now = tuple(invoice.get(name, "") for name in STATUS)
            known = db.execute("SELECT fpzt, hzsdbs, fpyt, rzzt, ycpzzt FROM invoice WHERE number = ? AND taxpayer = ?",
                               (invoice["fphm"], taxpayer)).fetchone()
            if known == now:
                continue
            if known is None:
                db.execute("INSERT INTO invoice VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                           (taxpayer, invoice["fphm"], *(invoice.get(name, "") for name in FACTS), *now))
                continue
            db.execute("UPDATE invoice SET fpzt = ?, hzsdbs = ?, fpyt = ?, rzzt = ?, ycpzzt = ? "
                       "WHERE number = ? AND taxpayer = ?", (*now, invoice["fphm"], taxpayer))
            db.execute("INSERT INTO change VALUES(?,?,?,?,?)",
                       (taxpayer, invoice["fphm"], "|".join(known), "|".join(now), time.time()))
        db.commit()


def main():
    base_url, ca_file, key, database, month, *taxpayers = sys.argv[1:]
    services = ("PLFPXZSQ", "PLFPXZZT", "PLFPXZJG")
    platform = Platform(base_url, ca_file, bytes.fromhex(key))
    db = sqlite3.connect(database)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS invoice(taxpayer TEXT, number TEXT, fplx TEXT, kprq TEXT, xsfnsrsbh TEXT, "
               "xsfmc TEXT, gmfnsrsbh TEXT, gmfmc TEXT, hjje TEXT, hjse TEXT, fpzt TEXT, hzsdbs TEXT, fpyt TEXT, "
               "rzzt TEXT, ycpzzt TEXT, PRIMARY KEY(number, taxpayer)) WITHOUT ROWID")
    db.execute("CREATE TABLE IF NOT EXISTS change(taxpayer TEXT, number TEXT, before TEXT, after TEXT, at REAL)")
    for taxpayer in taxpayers:
        for direction in ("1", "2"):
            for kind in ("81", "82"):
                window(platform, db, services, taxpayer, direction, kind, month)
    db.close()


main()
