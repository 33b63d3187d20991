// Any bytes as a document of an image: what is read is within bounds, what is written is read again as the
// same, and a config that was finished has the layers that it was finished with.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/oci/image.h"

namespace {

using namespace crossmill;       // NOLINT(google-build-using-namespace): one room
using namespace crossmill::oci;  // NOLINT(google-build-using-namespace): one room

void Expect(bool holds) {
  if (!holds) std::abort();
}

void CheckDescriptor(const Descriptor& descriptor) {
  Expect(IsSha256Hex(descriptor.digest.hash) && descriptor.digest.size >= 0);
}

void CheckManifest(std::string_view text) {
  const auto manifest = ParseImageManifest(text);
  if (!manifest.ok()) return;
  CheckDescriptor(manifest->config);
  Expect(manifest->layers.size() <= text.size() / 64);
  for (const Descriptor& layer : manifest->layers) CheckDescriptor(layer);
  const std::string written = WriteImageManifest(*manifest);
  const auto again = ParseImageManifest(written);
  Expect(again.ok() && WriteImageManifest(*again) == written);
}

void CheckIndex(std::string_view text) {
  const auto index = ParseImageIndex(text);
  if (!index.ok()) return;
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture("arm64");
  for (const Descriptor& manifest : index->manifests) CheckDescriptor(manifest);
  if (const auto chosen = SelectPlatform(*index, platform); chosen.ok()) {
    bool listed = false;
    for (const Descriptor& manifest : index->manifests) listed = listed || manifest.digest == chosen->digest;
    Expect(listed);
  }
  const std::string written = WriteImageIndex(*index);
  const auto again = ParseImageIndex(written);
  Expect(again.ok() && WriteImageIndex(*again) == written);
}

void CheckConfig(std::string_view text) {
  if (const auto config = ParseImageConfig(text); config.ok()) {
    for (const std::string& diff_id : config->diff_ids) Expect(HashOfOci(diff_id).ok());
    if (config->created.has_value()) Expect(ParseTime(FormatTime(*config->created)) == config->created);
  }
  const std::vector<Digest> diff_ids = {DigestOf("base"), DigestOf("one"), DigestOf("two")};
  const std::vector<int64_t> times = {1'600'000'000, 1'700'000'000};
  const auto finished = FinishImageConfig(text, diff_ids, 1'500'000'000, times);
  if (!finished.ok()) return;
  const auto read = ParseImageConfig(*finished);
  // What is not told of it was not in the plan's either: an image without a platform is none.
  if (!read.ok()) return Expect(!ParseImageConfig(text).ok());
  Expect(read->diff_ids == std::vector<std::string>{diff_ids[0].Oci(), diff_ids[1].Oci(), diff_ids[2].Oci()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto type = DocumentType(text); type.ok()) Expect(IsIndexType(*type) || IsManifestType(*type));
  CheckManifest(text);
  CheckIndex(text);
  CheckConfig(text);
  return 0;
}
