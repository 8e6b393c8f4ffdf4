#!/usr/bin/env python3
"""The night sync as a system administrator would write it: requests, JSON, one SQLite file. The rival of bench_night.

night_rival.py [--plain-sm4] BASE_URL CA_FILE SM4_KEY_HEX POLL_MS DATABASE MONTH TAXPAYER...
Lists every window of the month (both directions, types 81 and 82), compares each invoice with what the database says,
updates it and notes the change. One keep-alive connection; a commit for each package.
--plain-sm4: SM4 in Python itself, as on a server where only a package without C can be installed. Without: SM4 of the
cryptography package, which is C.
"""
import base64
import calendar
import http.client
import json
import sqlite3
import ssl
import struct
import sys
import time
from urllib.parse import urlsplit

ABILITY = "202007"
FACTS = ("fplx", "kprq", "xsfnsrsbh", "xsfmc", "gmfnsrsbh", "gmfmc", "hjje", "hjse")
STATUS = ("fpzt", "hzsdbs", "fpyt", "rzzt", "ycpzzt")


class LibrarySm4:
    def __init__(self, key):
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        self.cipher = Cipher(algorithms.SM4(key), modes.ECB())

    def encrypt(self, data):
        sealer = self.cipher.encryptor()
        return sealer.update(data) + sealer.finalize()

    def decrypt(self, data):
        opener = self.cipher.decryptor()
        return opener.update(data) + opener.finalize()


class PlainSm4:
    """GB/T 32907-2016 in Python alone. S-box and linear step of two bytes at a time are looked up, and four rounds go
    without moving the state: about as fast as a loop over blocks gets here."""

    def __init__(self, key):
        box = self.s_box()

        def rotated(v, n):
            return (v << n | v >> (32 - n)) & 0xFFFFFFFF

        def spread(b):
            return b ^ rotated(b, 2) ^ rotated(b, 10) ^ rotated(b, 18) ^ rotated(b, 24)

        bytes_of = [[spread(box[x] << shift) for x in range(256)] for shift in (24, 16, 8, 0)]
        self.high = [a ^ b for a in bytes_of[0] for b in bytes_of[1]]
        self.low = [a ^ b for a in bytes_of[2] for b in bytes_of[3]]
        k = [a ^ b for a, b in zip(struct.unpack(">4I", key), (0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC))]
        self.keys = []
        for i in range(32):
            constant = 0
            for j in range(4):
                constant = constant << 8 | (4 * i + j) * 7 & 255
            t = k[1] ^ k[2] ^ k[3] ^ constant
            t = box[t >> 24] << 24 | box[t >> 16 & 255] << 16 | box[t >> 8 & 255] << 8 | box[t & 255]
            k = [k[1], k[2], k[3], k[0] ^ t ^ rotated(t, 13) ^ rotated(t, 23)]
            self.keys.append(k[3])

    @staticmethod
    def s_box():
        """An affine map around the inverse over x^8+x^7+x^6+x^5+x^4+x^2+1."""
        def product(a, b):
            out = 0
            while b:
                out ^= a if b & 1 else 0
                a = a << 1 ^ (0x1F5 if a & 0x80 else 0)
                b >>= 1
            return out

        def affine(x):
            rows = ((0xA7 << i | 0xA7 >> (8 - i)) & 255 for i in range(8))
            return sum((bin(row & x).count("1") & 1) << i for i, row in enumerate(rows)) ^ 0xD3

        inverse = [0] * 256
        for a in range(1, 256):
            inverse[a] = next(b for b in range(1, 256) if product(a, b) == 1) if not inverse[a] else inverse[a]
            inverse[inverse[a]] = a
        return [affine(inverse[affine(x)]) for x in range(256)]

    def encrypt(self, data):
        return self.blocks(data, self.keys)

    def decrypt(self, data):
        return self.blocks(data, self.keys[::-1])

    def blocks(self, data, keys):
        high, low = self.high, self.low
        rounds = [tuple(keys[i:i + 4]) for i in range(0, 32, 4)]
        out = []
        words = struct.unpack(f">{len(data) // 4}I", data)
        for at in range(0, len(words), 4):
            a, b, c, d = words[at:at + 4]
            for k0, k1, k2, k3 in rounds:
                t = b ^ c ^ d ^ k0
                a ^= high[t >> 16] ^ low[t & 0xFFFF]
                t = c ^ d ^ a ^ k1
                b ^= high[t >> 16] ^ low[t & 0xFFFF]
                t = d ^ a ^ b ^ k2
                c ^= high[t >> 16] ^ low[t & 0xFFFF]
                t = a ^ b ^ c ^ k3
                d ^= high[t >> 16] ^ low[t & 0xFFFF]
            out += (d, c, b, a)
        return struct.pack(f">{len(out)}I", *out)


class Platform:
    def __init__(self, base_url, ca_file, sm4, pause):
        url = urlsplit(base_url)
        context = ssl.create_default_context(cafile=ca_file)
        self.connection = http.client.HTTPSConnection(url.hostname, url.port, context=context)
        self.sm4 = sm4
        self.pause = pause  # seconds before asking again whether a package is ready

    def call(self, service, request):
        text = json.dumps(request, ensure_ascii=False).encode()
        text += bytes([16 - len(text) % 16]) * (16 - len(text) % 16)
        body = base64.b64encode(self.sm4.encrypt(text))
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
        plain = self.sm4.decrypt(base64.b64decode(response["Data"]))
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
        time.sleep(platform.pause)
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
    arguments = sys.argv[1:]
    sm4 = LibrarySm4
    if arguments[0] == "--plain-sm4":
        sm4 = PlainSm4
        arguments.pop(0)
    base_url, ca_file, key, poll_ms, database, month, *taxpayers = arguments
    services = ("PLFPXZSQ", "PLFPXZZT", "PLFPXZJG")
    platform = Platform(base_url, ca_file, sm4(bytes.fromhex(key)), int(poll_ms) / 1000)
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
