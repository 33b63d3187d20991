#include "coordinator/buildkit/solve/sources/source_choices.h"

#include <algorithm>
#include <vector>

#include "common/base/status.h"
#include "common/plan/remote_source.h"
#include "common/plan/step_sources.h"

namespace crossmill::coordinator::buildkit {
namespace {

// As BuildKit calls a file whose URL has no name in it.
constexpr std::string_view kUnnamedFile = "__unnamed__";

}  // namespace

absl::StatusOr<SourcePolicy> PolicyOf(const moby::buildkit::v1::SolveRequest& build,
                                      const moby::buildkit::v1::frontend::SolveRequest& solve) {
  std::vector<moby::buildkit::v1::SourcePolicy> policies = {build.sourcepolicy()};
  policies.insert(policies.end(), solve.sourcepolicies().begin(), solve.sourcepolicies().end());
  return SourcePolicy::Read(policies);
}

absl::StatusOr<RawSource> ChooseRawSource(const SourcePolicy& policy, RawSource source) {
  if (policy.empty()) return source;
  const auto attribute = [&](const char* name) -> std::string& { return source.attributes[name]; };
  if (source.kind == RawSource::Kind::kGit) {
    ASSIGN_OR_RETURN(const ChosenRepository chosen,
                     ChooseRepository(policy, {source.url, attribute("git.checksum"),
                                               attribute("git.keepgitdir") == "true"}));
    source.url = chosen.url;
    attribute("git.checksum") = chosen.checksum;
    attribute("git.keepgitdir") = chosen.keep_git_dir ? "true" : "";
    return source;
  }
  ASSIGN_OR_RETURN(const ChosenFile chosen,
                   ChooseFile(policy, {source.url, attribute("http.checksum")}, attribute("http.filename")));
  source.url = chosen.url;
  attribute("http.checksum") = chosen.checksum;
  return source;
}

absl::Status AtStep(const v1::Step& step, const absl::Status& status) {
  if (absl::IsCancelled(status)) return status;
  const v1::SourceRange& range = step.range();
  return absl::Status(
      status.code(), Av(fmt::format("{}:{}:{}: {}: {}", range.file(), range.first_line(),
                                    std::max(range.column(), 1u), step.instruction(), Sv(status.message()))));
}

std::pair<std::string, std::string> SourceChoices::Known(const std::string& url,
                                                         const std::string& checksum) const {
  const auto found = chosen_.find({url, checksum});
  return found == chosen_.end() ? std::pair(url, checksum) : found->second;
}

const std::string& SourceChoices::KnownImage(const std::string& reference) const {
  const auto found = chosen_.find({reference, ""});
  return found == chosen_.end() ? reference : found->second.first;
}

void SourceChoices::SetImage(const std::string& reference, const std::string& chosen) {
  if (chosen != reference) chosen_[{reference, ""}] = {chosen, ""};
}

absl::Status SourceChoices::Choose(const v1::RemoteFile& file) {
  std::string name = plan::FileNameOfUrl(file.url());
  if (name.empty()) name = kUnnamedFile;
  ASSIGN_OR_RETURN(const ChosenFile chosen, ChooseFile(policy_, {file.url(), file.checksum()}, name));
  if (chosen.url != file.url() || chosen.checksum != file.checksum())
    chosen_[{file.url(), file.checksum()}] = {chosen.url, chosen.checksum};
  return absl::OkStatus();
}

absl::Status SourceChoices::Choose(const v1::RemoteGit& repository) {
  ASSIGN_OR_RETURN(
      const ChosenRepository chosen,
      ChooseRepository(policy_, {repository.url(), repository.checksum(), repository.keep_git_dir()}));
  if (chosen.keep_git_dir != repository.keep_git_dir()) {
    return absl::UnimplementedError(
        "source policy: git.keepgitdir is not applied to ADD here: say --keep-git-dir there");
  }
  if (chosen.url != repository.url() || chosen.checksum != repository.checksum())
    chosen_[{repository.url(), repository.checksum()}] = {chosen.url, chosen.checksum};
  return absl::OkStatus();
}

absl::Status SourceChoices::ChooseFor(const v1::Step& step) {
  if (policy_.empty()) return absl::OkStatus();
  for (const v1::CopySource* source : plan::SourcesOf(step)) {
    absl::Status chosen;
    if (source->has_remote_file()) chosen = Choose(source->remote_file());
    if (source->has_remote_git()) chosen = Choose(source->remote_git());
    if (!chosen.ok()) return AtStep(step, chosen);
  }
  return absl::OkStatus();
}

void SourceChoices::AddTo(v1::BuildSubmission* submission) const {
  for (const auto& [source, chosen] : chosen_) {
    v1::SourceReplacement& added = *submission->add_replacements();
    added.set_source(source.first);
    added.set_checksum(source.second);
    added.set_replacement(chosen.first);
    added.set_replacement_checksum(chosen.second);
  }
}

}  // namespace crossmill::coordinator::buildkit
