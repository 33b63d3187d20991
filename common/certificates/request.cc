#include "common/certificates/request.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/status.h"
#include "common/certificates/x509.h"

namespace crossmill::certificates {
namespace {

bool IsP256(const EVP_PKEY* key) {
  char group[32] = {};
  size_t size = 0;
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
         std::string_view(group, size) == "prime256v1";
}

}  // namespace

absl::StatusOr<KeyAndRequest> MakeKeyAndRequest() {
  ASSIGN_OR_RETURN(const Key key, MakeKey());
  const Request request(X509_REQ_new());
  const Bio bio(BIO_new(BIO_s_mem()));
  if (request == nullptr || X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0 ||
      PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1)
    return absl::InternalError("OpenSSL does not make a certificate request");
  KeyAndRequest made;
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  made.request_pem.assign(data, static_cast<size_t>(size));
  ASSIGN_OR_RETURN(made.key_pem, PemOf(key.get()));
  return made;
}

absl::Status CheckRequest(std::string_view request_pem) {
  if (request_pem.size() > kMostRequestBytes)
    return absl::InvalidArgumentError(
        fmt::format("the certificate request is longer than {} bytes", kMostRequestBytes));
  ASSIGN_OR_RETURN(const Request request, ReadRequest(request_pem));
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  const bool good = key != nullptr && IsP256(key) && X509_REQ_verify(request.get(), key) == 1;
  ERR_clear_error();
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the certificate request is not signed by the key that it names, or that is not one of the curve "
      "P-256");
}

}  // namespace crossmill::certificates
