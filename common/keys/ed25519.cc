#include "common/keys/ed25519.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::keys {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

using Key = std::shared_ptr<EVP_PKEY>;

Key Own(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* owned) { EVP_PKEY_free(owned); }};
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// A password is asked of nobody: an encrypted key is none.
int NoPassword(char*, int, int, void*) { return -1; }

using ReadPem = EVP_PKEY* (*)(BIO*, EVP_PKEY**, pem_password_cb*, void*);

absl::StatusOr<Key> Read(std::string_view pem, std::string_view kind, ReadPem read) {
  const std::string begin = fmt::format("-----BEGIN {} KEY-----", kind);
  const std::string end = fmt::format("-----END {} KEY-----", kind);
  const std::string_view text = Trim(pem);
  // One key and nothing beside it: what is signed for must not depend on which of several is taken.
  if (text.size() > kMostPemBytes || !text.starts_with(begin) || !text.ends_with(end) ||
      text.find(begin, begin.size()) != std::string_view::npos) {
    return absl::InvalidArgumentError(
        fmt::format("not a key in PEM: it has to be one \"{}\" and nothing else", begin));
  }
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Key key = Own(read(bio.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return absl::InvalidArgumentError("not an Ed25519 key (openssl genpkey -algorithm ed25519 makes one)");
  }
  return key;
}

std::string ContentOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::Of(std::shared_ptr<evp_pkey_st> key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) return absl::InternalError("OpenSSL does not write the public key");
  PublicKey made;
  made.id_ = Sha256Hex({reinterpret_cast<const char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  made.key_ = std::move(key);
  return made;
}

absl::StatusOr<PublicKey> PublicKey::FromPem(std::string_view pem) {
  ASSIGN_OR_RETURN(Key key, Read(pem, "PUBLIC", PEM_read_bio_PUBKEY));
  return Of(std::move(key));
}

std::string PublicKey::Pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), key_.get());
  return ContentOf(bio.get());
}

bool PublicKey::Verifies(std::string_view message, std::string_view signature) const {
  if (signature.size() != kSignatureBytes) return false;
  const Context context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                          message.size()) == 1;
}

absl::StatusOr<SigningKey> SigningKey::Of(std::shared_ptr<evp_pkey_st> key) {
  SigningKey made;
  ASSIGN_OR_RETURN(made.public_key_, PublicKey::Of(key));
  made.key_ = std::move(key);
  return made;
}

absl::StatusOr<SigningKey> SigningKey::Generate() {
  Key key = Own(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return absl::InternalError("OpenSSL does not make an Ed25519 key");
  return Of(std::move(key));
}

absl::StatusOr<SigningKey> SigningKey::FromPem(std::string_view pem) {
  ASSIGN_OR_RETURN(Key key, Read(pem, "PRIVATE", PEM_read_bio_PrivateKey));
  return Of(std::move(key));
}

absl::StatusOr<std::string> SigningKey::Pem() const {
  // Memory that OpenSSL wipes when it is freed.
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return absl::InternalError("OpenSSL does not write the private key");
  }
  return ContentOf(bio.get());
}

absl::StatusOr<std::string> SigningKey::Sign(std::string_view message) const {
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Bytes(message),
                     message.size()) != 1 ||
      size != kSignatureBytes) {
    return absl::InternalError("OpenSSL does not sign");
  }
  return signature;
}

}  // namespace crossmill::keys
