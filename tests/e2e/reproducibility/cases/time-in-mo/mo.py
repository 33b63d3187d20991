"""Writes a .mo file as msgfmt does: two messages, of which the empty one is the header."""
import struct
import time

header = f"Language: de\nPOT-Creation-Date: {time.strftime('%Y-%m-%d %H:%M:%S')}+0000\nContent-Type: text/plain; charset=UTF-8\n"
messages = [("", header), ("yes", "ja")]
start = 28 + 16 * len(messages)
originals, translations, texts = b"", b"", b""
for column in (0, 1):
    for pair in messages:
        text = pair[column].encode()
        entry = struct.pack("<II", len(text), start + len(texts))
        texts += text + b"\0"
        if column == 0:
            originals += entry
        else:
            translations += entry
head = struct.pack("<IIIIIII", 0x950412de, 0, len(messages), 28, 28 + 8 * len(messages), 0, start)
open("/locale/de.mo", "wb").write(head + originals + translations + texts)
