// Whatever a registry answers: documents have their digest and fit in memory, questions end, none goes
// anywhere but to http and https, and a password goes to its registry and to the realm that it named only.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/base/digest.h"
#include "common/oci/image_walk.h"
#include "common/registry/attached_statements.h"
#include "common/registry/referrers.h"
#include "common/registry/registry.h"
#include "common/registry/registry_auth.h"

namespace {

using namespace crossmill;            // NOLINT(google-build-using-namespace): one room
using namespace crossmill::registry;  // NOLINT(google-build-using-namespace): one room

constexpr int kMostQuestions = 2000;

void Expect(bool holds) {
  if (!holds) std::abort();
}

// Answers with what the input says, piece by piece: a status, fields up to an empty line, and a body up to a
// byte 0xff.
class Liar final : public http::HttpClient {
 public:
  explicit Liar(std::string_view script) : script_(script) {}

  absl::StatusOr<http::HttpResponse> Send(const http::HttpRequest& request,
                                          const http::BodySink& sink) override {
    Expect(++questions_ < kMostQuestions);
    const auto url = http::ParseUrl(request.url);
    Expect(url.ok());
    for (const auto& [name, value] : request.headers) {
      if (name != "Authorization" && name != "authorization") continue;
      if (value.find(BasicAuthorization({"user", "password", ""})) == std::string::npos) continue;
      // The registry, or the realm that it named.
      Expect(url->authority == "registry.example" || realm_.find(url->authority) != std::string::npos);
    }
    if (script_.empty()) return absl::UnavailableError("no more answers");
    http::HttpResponse response;
    response.url = request.url;
    constexpr int kStatuses[] = {200, 401, 404, 403, 429, 500, 206, 307};
    response.status = kStatuses[Take() % 8];
    for (std::string_view line = Line(); !line.empty(); line = Line()) {
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      response.headers[std::string(line.substr(0, colon))] = std::string(line.substr(colon + 1));
    }
    realm_ += response.Header("www-authenticate");
    const size_t end = script_.find('\xff');
    const std::string_view body = script_.substr(0, end);
    script_.remove_prefix(end == std::string_view::npos ? script_.size() : end + 1);
    if (const absl::Status taken = sink(response, body); !taken.ok()) return taken;
    return response;
  }

 private:
  uint8_t Take() {
    const auto byte = static_cast<uint8_t>(script_.front());
    script_.remove_prefix(1);
    return byte;
  }
  std::string_view Line() {
    const size_t end = script_.find('\n');
    const std::string_view line = script_.substr(0, end);
    script_.remove_prefix(end == std::string_view::npos ? script_.size() : end + 1);
    return line;
  }

  std::string_view script_;
  std::string realm_;
  int questions_ = 0;
};

void CheckTexts(std::string_view text) {
  if (const auto challenge = ParseChallenge(text); challenge.has_value())
    Expect(challenge->scheme == "bearer" || challenge->scheme == "basic");
  (void)RegistryOfKey(text);
  if (const auto file = CredentialFile::Parse(text); file.ok()) (void)file->Find("registry.example");
  Artifact artifact;
  artifact.subject.digest = DigestOf("subject");
  artifact.artifact_type = "application/vnd.in-toto+json";
  const auto with = WithReferrer(text, artifact, DigestOf("manifest"));
  // Once it is in, it stays where it is.
  if (with.ok()) Expect(WithReferrer(*with, artifact, DigestOf("manifest")).value_or("") == *with);
}

RegistryOptions Options() {
  RegistryOptions options;
  options.credentials = [](std::string_view) -> absl::StatusOr<std::optional<Credentials>> {
    return Credentials{"user", "password", ""};
  };
  options.sleep = [](absl::Duration time) { Expect(time <= absl::Seconds(60)); };
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckTexts(text);
  const auto reference = oci::ParseReference("registry.example/team/image:1");
  Expect(reference.ok());
  {
    Liar liar(text);
    RegistryClient client(liar, Options());
    const auto manifest = client.GetManifest(*reference);
    if (manifest.ok())
      Expect(DigestOf(manifest->bytes) == manifest->digest &&
             static_cast<int64_t>(manifest->bytes.size()) <= oci::kMaxDocument);
  }
  {
    Liar liar(text);
    RegistryClient client(liar, Options());
    const auto statements = ReadAttachedStatements(client, *reference);
    if (statements.ok()) {
      Expect(statements->statements.size() <= kMostStatements);
      for (const AttachedStatement& statement : statements->statements)
        Expect(static_cast<int64_t>(statement.document.size()) <= kMostStatementBytes);
    }
  }
  return 0;
}
