import struct, sys, time, zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


pixels = b"".join(b"\0" + bytes((x * y) % 256 for x in range(48)) for y in range(16))
level = int(sys.argv[2]) if len(sys.argv) > 2 else 6
text = b"Creation Time\0" + time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime()).encode()
chunks = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
if sys.argv[1] == "text":
    chunks += chunk(b"tEXt", text)
if sys.argv[1] == "time":
    now = time.gmtime()
    chunks += chunk(b"tIME", struct.pack(">HBBBBB", *now[:6]))
chunks += chunk(b"IDAT", zlib.compress(pixels, level)) + chunk(b"IEND", b"")
open("/logo.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunks)
