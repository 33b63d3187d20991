// What a BuildKit client asks to have built, as it says it: the attributes of the frontend dockerfile.v0,
// read into the farm's own words. Nothing is fetched here. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/buildkit/solve/farm_arguments.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator::buildkit {

using AttributeMap = std::map<std::string, std::string>;

// context:NAME, or what the context itself is.
struct NamedSource {
  enum class Kind {
    // A folder of the client, by the name that the client has for it.
    kLocal,
    // docker-image://
    kImage,
    // oci-layout:// of a store of the client's session.
    kLayout,
    kGit,
    kHttp,
    // http://buildkit-session/ID: a stream of the client that can be read once.
    kUpload,
    // A definition that came with the request, or a result of this or another build of the client.
    kInput,
  };
  // As Recipe.contexts has it: lower case, with "::PLATFORM"; empty of the context itself.
  std::string name = {};
  Kind kind = Kind::kLocal;
  // Folder's name, reference, store, URL, id, or the input's key.
  std::string value = {};
  // Of a layout: "sha256:..."; it may be empty if there is a tag.
  std::string digest = {};
  std::string tag = {};
};

struct SolveAttributes {
  // Path of the Dockerfile in its folder.
  std::string file = "Dockerfile";
  // The client's name for the folder that has it.
  std::string file_folder = "dockerfile";
  // The Dockerfile is the client's although the context is not.
  bool file_is_local = false;
  // The Dockerfile is in this definition that came with the request; empty: it is not.
  std::string file_input;
  NamedSource context;
  // A folder in the context that stands for it; empty: all of it.
  std::string context_folder;
  std::vector<NamedSource> named;
  // Target, build arguments.
  v1::Recipe recipe;
  v1::BuildOptions options;
  FarmChoices choices;
  // Sessions that have single folders: by the folder's name.
  std::map<std::string, std::string> folder_sessions;
  // "provenance" and "sbom", as asked; what is switched off is left out.
  std::map<std::string, std::string> attestations;
  // requestid: what is asked instead of a build.
  std::string request;
  // An index, even of one platform.
  bool always_index = false;
  // SOURCE_DATE_EPOCH is a number.
  std::optional<int64_t> epoch;
  // For people, a sentence each.
  std::vector<std::string> warnings;
};

// `entitlements`: of Control.Solve. `own`: the platform that is built for where nobody says. INVALID_ARGUMENT
// or UNIMPLEMENTED: the attribute and what to do; the texts of unsupported capabilities and requests are
// those that clients look for.
absl::StatusOr<SolveAttributes> ReadAttributes(const std::string& frontend, const AttributeMap& given,
                                               const std::set<std::string>& entitlements,
                                               const v1::Platform& own);

// Whether the farm's own language serves that frontend image ("docker/dockerfile:1.7"). UNIMPLEMENTED names
// it.
absl::Status CheckFrontendImage(std::string_view reference);

// "# syntax=" of a Dockerfile; empty: it has none.
std::string SyntaxOf(std::string_view dockerfile);

// "a=b,c=d", with quotes as CSV has them.
std::vector<std::string> ReadCsv(std::string_view text);

}  // namespace crossmill::coordinator::buildkit
