#include "coordinator/submissions/submission_request.h"

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"

namespace crossmill::coordinator {
namespace {

absl::Status AddPlatforms(const v1::SubmitFilesRequest& request, v1::BuildOptions* options) {
  for (std::string_view text : request.platforms()) {
    // As --platform has it: several may stand in one.
    while (true) {
      const size_t comma = text.find(',');
      const auto platform = ParsePlatform(text.substr(0, comma));
      if (!platform.ok()) return Annotate(platform.status(), "platforms");
      *options->add_platforms() = *platform;
      if (comma == std::string_view::npos) break;
      text.remove_prefix(comma + 1);
    }
  }
  if (options->platforms().empty())
    return absl::InvalidArgumentError("platforms: no platform is asked for; give one, such as linux/amd64");
  return absl::OkStatus();
}

absl::Status AddArguments(const v1::SubmitFilesRequest& request, v1::Recipe* recipe) {
  for (const std::string& text : request.build_args()) {
    const size_t equals = text.find('=');
    // A name alone would be the coordinator's own variable.
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          fmt::format("build_args: {}: expected NAME=VALUE", Printable(text.substr(0, equals))));
    }
    v1::BuildArgument* argument = recipe->add_build_arguments();
    argument->set_name(text.substr(0, equals));
    argument->set_value(text.substr(equals + 1));
  }
  return absl::OkStatus();
}

// A field of the request and the same one in `options`: one of them.
absl::Status Contradiction(std::string_view field) {
  return absl::InvalidArgumentError(
      fmt::format("{0} is given twice, by itself and as options.{0}; give it once", field));
}

// Links out of the context are found when the file is read.
absl::Status CheckFile(std::string_view file) {
  for (std::string_view rest = file; !rest.empty();) {
    const size_t slash = rest.find('/');
    if (rest.substr(0, slash) == "..") {
      return absl::InvalidArgumentError(
          fmt::format("file: {} leads out of the context; it is a path in it", Printable(file)));
    }
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::BuildSubmission> SubmissionOf(const v1::SubmitFilesRequest& request) {
  RETURN_IF_ERROR(CheckFile(request.file()));
  if (!request.dockerfile().empty() && !(request.git().empty() && request.file().empty()))
    return absl::InvalidArgumentError("dockerfile: it is built without files; git and file are of a context");
  v1::BuildSubmission submission;
  v1::BuildOptions& options = *submission.mutable_options();
  options = request.options();
  if (!options.platforms().empty() && !request.platforms().empty()) return Contradiction("platforms");
  if (!options.tags().empty() && !request.tags().empty()) return Contradiction("tags");
  if (options.verify() != 0 && request.verify() != 0) return Contradiction("verify");
  if (!options.secret_ids().empty())
    return absl::InvalidArgumentError("options.secret_ids: secrets are named by giving them");
  if (!options.ssh_ids().empty())
    return absl::InvalidArgumentError("options.ssh_ids: an ssh agent needs `crossmill build`, which stays");
  RETURN_IF_ERROR(AddPlatforms(request, &options));
  for (const std::string& tag : request.tags()) options.add_tags(tag);
  if (request.verify() != 0) options.set_verify(request.verify());
  if (request.no_cache()) options.set_no_cache(true);
  // As `crossmill build` has it.
  if (options.network() == v1::NETWORK_MODE_UNSPECIFIED) options.set_network(v1::NETWORK_MODE_RECORDED);
  if (request.commit_epoch()) {
    if (request.git().empty())
      return absl::InvalidArgumentError("commit_epoch: an archive has no commit; it is for git");
    if (options.has_source_date_epoch() || options.keep_times())
      return absl::InvalidArgumentError("commit_epoch: the options say another epoch; give one of them");
  }
  for (const v1::Secret& secret : request.secrets()) options.add_secret_ids(secret.id());
  v1::Recipe& recipe = *submission.mutable_recipe();
  recipe.set_target(request.target());
  RETURN_IF_ERROR(AddArguments(request, &recipe));
  return submission;
}

}  // namespace crossmill::coordinator
