#include "cli/reproduce/published_recipe.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/attest/dsse.h"
#include "common/base/status.h"
#include "common/fetch/git_reference.h"
#include "common/oci/image.h"

namespace crossmill::cli {
namespace {

using attest::ProvenanceRecipe;

absl::StatusOr<attest::Statement> ReadDocument(const v1::AttachedStatement& attached) {
  if (attached.media_type() != attest::kEnvelopeMediaType)
    return attest::ParseStatement(attached.document(), attest::StatementVersions::kAlsoOld);
  ASSIGN_OR_RETURN(const attest::Envelope envelope, attest::ParseEnvelope(attached.document()));
  return attest::ParseStatement(envelope.payload, attest::StatementVersions::kAlsoOld);
}

// Whether the statement is about the manifest, or about the index that the reference names.
bool IsAbout(const attest::Statement& statement, const std::string& manifest, const std::string& root) {
  return std::any_of(statement.subjects.begin(), statement.subjects.end(),
                     [&](const attest::Subject& subject) {
                       return "sha256:" + subject.sha256 == manifest || "sha256:" + subject.sha256 == root;
                     });
}

std::map<std::string, std::string> LabelsOf(const InspectedPlatform& platform) {
  std::map<std::string, std::string> labels;
  const Json& config = platform.config;
  if (!config.is_object() || !config.contains("config") || !config["config"].is_object()) return labels;
  const auto found = config["config"].find("Labels");
  if (found == config["config"].end() || !found->is_object()) return labels;
  for (const auto& [name, value] : found->items()) {
    if (value.is_string()) labels[name] = value.get<std::string>();
  }
  return labels;
}

absl::StatusOr<ProvenanceRecipe> RecipeOf(const InspectedPlatform& platform,
                                          const v1::ReadStatementsResponse& statements) {
  std::optional<ProvenanceRecipe> found;
  std::string unread;
  const std::string manifest = platform.manifest_digest.Oci();
  for (const bool in_index : {true, false}) {
    for (const v1::AttachedStatement& attached : statements.statements()) {
      if (attached.in_index() != in_index) continue;
      if (attached.subject() != manifest && attached.subject() != statements.digest()) continue;
      const auto statement = ReadDocument(attached);
      if (!statement.ok() || !IsAbout(*statement, manifest, statements.digest())) continue;
      if (!absl::StrContains(statement->predicate_type, "slsa.dev/provenance")) continue;
      auto recipe = attest::ReadProvenanceRecipe(*statement);
      if (!recipe.ok()) {
        unread = std::string(Sv(recipe.status().message()));
      } else if (!found) {
        found = *std::move(recipe);
      } else if (*found != *recipe) {
        found->gaps.push_back(
            fmt::format("another statement ({}) tells another recipe; it was not used", recipe->told_by));
      }
    }
  }
  if (found) return *std::move(found);
  auto labels = attest::ReadLabelRecipe(LabelsOf(platform));
  if (labels.ok()) return labels;
  return absl::NotFoundError(fmt::format(
      "nothing says how {} was made: {}, and {}", oci::PlatformText(platform.platform),
      unread.empty() ? "its registry has no provenance of it" : unread, Sv(labels.status().message())));
}

// Bases of one name that have one digest on all platforms are pinned once, others per platform.
std::vector<std::string> Pins(const std::map<std::string, std::map<std::string, std::string>>& bases) {
  std::vector<std::string> pins;
  for (const auto& [reference, digests] : bases) {
    // A base that the recipe names by its digest is pinned by itself.
    if (absl::StrContains(reference, "@")) continue;
    std::set<std::string> distinct;
    for (const auto& [platform, digest] : digests) distinct.insert(digest);
    for (const auto& [platform, digest] : digests) {
      const bool one = distinct.size() == 1;
      pins.push_back(
          fmt::format("{}{}=docker-image://{}@{}", reference, one ? "" : "::" + platform, reference, digest));
      if (one) break;
    }
  }
  return pins;
}

// Whoever wrote the recipe must not lead to anything that only the reader can reach: a folder of theirs, or a
// host that their keys open.
bool IsPublicUrl(std::string_view source) {
  return source.starts_with("https://") || source.starts_with("http://") || source.starts_with("git://");
}

absl::StatusOr<std::string> ContextOf(const ProvenanceRecipe& recipe, const std::string& given) {
  if (!given.empty()) return given;
  if (!IsPublicUrl(recipe.source)) {
    return absl::FailedPreconditionError(
        fmt::format("{} does not say where anybody can have the context{}; give it: --context FOLDER or a "
                    "git URL with the commit",
                    recipe.told_by, recipe.source.empty() ? "" : fmt::format(" (it was {})", recipe.source)));
  }
  const auto git = fetch::ParseGitReference(recipe.source, fetch::GitShorthand::kAllow);
  if (!git.ok()) {
    // A repository's page, as labels name it.
    if (fetch::IsCommitId(recipe.commit)) {
      const std::string repository = recipe.source.substr(0, recipe.source.find_first_of("?#"));
      const size_t end = repository.find_last_not_of('/');
      return fmt::format("{}.git#{}", repository.substr(0, end + 1), recipe.commit);
    }
    return recipe.source;
  }
  std::string context = git->remote + "#" + (fetch::IsCommitId(recipe.commit) ? recipe.commit : git->ref);
  if (!git->folder.empty()) context += ":" + git->folder;
  return context;
}

// Inside of the context.
absl::Status CheckDockerfile(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (!path.starts_with("/") && std::find(parts.begin(), parts.end(), "..") == parts.end() &&
      !absl::StrContains(path, "://") && path != "-")
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("the recipe's Dockerfile is not in its context ({}); give it: --file FILE", path));
}

}  // namespace

absl::StatusOr<PublishedRecipe> FindPublishedRecipe(absl::Span<const InspectedPlatform> platforms,
                                                    const v1::ReadStatementsResponse& statements) {
  std::optional<PublishedRecipe> published;
  // By reference and platform: the digest.
  std::map<std::string, std::map<std::string, std::string>> bases;
  for (const InspectedPlatform& platform : platforms) {
    ASSIGN_OR_RETURN(ProvenanceRecipe recipe, RecipeOf(platform, statements));
    for (const attest::RecordedBase& base : recipe.bases)
      bases[base.reference][oci::PlatformText(platform.platform)] = base.digest;
    recipe.bases.clear();
    if (!published) {
      published.emplace();
      published->recipe = std::move(recipe);
    } else if (published->recipe != recipe) {
      return absl::FailedPreconditionError(
          fmt::format("{} was not made by the recipe of {}: choose one with --platform",
                      oci::PlatformText(platform.platform), oci::PlatformText(platforms.front().platform)));
    }
  }
  if (!published) return absl::NotFoundError("the image has no platform that could be made again");
  published->pins = Pins(bases);
  return *std::move(published);
}

absl::StatusOr<BuildFlags> FlagsOf(const PublishedRecipe& published, const RecipeOverrides& overrides,
                                   absl::Span<const InspectedPlatform> platforms) {
  const ProvenanceRecipe& recipe = published.recipe;
  BuildFlags flags;
  ASSIGN_OR_RETURN(flags.context, ContextOf(recipe, overrides.context));
  if (overrides.file.empty()) RETURN_IF_ERROR(CheckDockerfile(recipe.dockerfile));
  flags.file = overrides.file.empty() ? recipe.dockerfile : overrides.file;
  // A statement's path is inside of its context; -f of a folder is seen from where the user is.
  if (overrides.file.empty() && !overrides.context.empty() && !flags.file.empty() &&
      !fetch::IsGitUrl(flags.context, fetch::GitShorthand::kAllow) &&
      !absl::StrContains(flags.context, "://")) {
    flags.file = flags.context + "/" + flags.file;
  }
  flags.target = recipe.target;
  if (recipe.without_network) flags.network = "none";
  for (const auto& [name, value] : recipe.arguments) flags.build_args.push_back(name + "=" + value);
  for (const std::string& given : overrides.build_args) flags.build_args.push_back(given);
  for (const auto& [name, value] : recipe.labels) flags.labels.push_back(name + "=" + value);
  for (const auto& [name, value] : recipe.named_contexts) flags.build_contexts.push_back(name + "=" + value);
  for (const std::string& pin : published.pins) flags.build_contexts.push_back(pin);
  for (const InspectedPlatform& platform : platforms)
    flags.platforms.push_back(oci::PlatformText(platform.platform));
  if (recipe.source_date_epoch) flags.source_date_epoch = std::to_string(*recipe.source_date_epoch);
  return flags;
}

}  // namespace crossmill::cli
