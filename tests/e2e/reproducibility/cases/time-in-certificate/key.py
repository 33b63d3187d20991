"""An Ed25519 key of a fixed seed in PEM: for a certificate that differs in nothing but its times."""
import base64

print("-----BEGIN PRIVATE KEY-----")
print(base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + bytes(range(32))).decode())
print("-----END PRIVATE KEY-----")
