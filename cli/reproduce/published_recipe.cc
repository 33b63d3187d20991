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
#include "common/words/platform.h"

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
      if (!statement->predicate_type.starts_with(attest::kProvenancePredicates)) continue;
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

// Digests of bases by name and by the base's own platform.
using Bases = std::map<std::string, std::map<std::string, std::string>>;

void AddBases(const ProvenanceRecipe& recipe, const std::string& platform, Bases* bases,
              std::set<std::string>* unclear) {
  for (const attest::RecordedBase& base : recipe.bases) {
    // A base that the recipe names by its digest is pinned by itself.
    if (absl::StrContains(base.reference, "@")) continue;
    const std::string& own = base.platform.empty() ? platform : base.platform;
    const auto [at, added] = (*bases)[base.reference].emplace(own, base.digest);
    if (!added && at->second != base.digest) unclear->insert(base.reference);
  }
}

// Bases of one name that have one digest on all platforms are pinned once, others per platform.
std::vector<std::string> Pins(const Bases& bases) {
  std::vector<std::string> pins;
  for (const auto& [reference, digests] : bases) {
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

// A name that the build gave to an image: at the digest that the image had then, if it is told.
std::string PinOfNamed(const std::string& name, const std::string& reference, const Bases& bases,
                       std::vector<std::string>* gaps) {
  std::string pinned = reference;
  if (!absl::StrContains(reference, "@")) {
    const auto found = bases.find(reference);
    if (found != bases.end() && found->second.size() == 1) {
      pinned += "@" + found->second.begin()->second;
    } else {
      gaps->push_back(fmt::format("build context '{}' is {} as it is now", name, reference));
    }
  }
  return fmt::format("{}=docker-image://{}", name, pinned);
}

// A commit can be fetched by its whole id only.
void TakeWholeCommit(ProvenanceRecipe* recipe) {
  if (recipe->commit.empty() || fetch::IsCommitId(recipe->commit)) return;
  recipe->gaps.push_back(
      fmt::format("the commit is told as {}, which is no whole id: the source is what its address gives now",
                  recipe->commit));
  recipe->commit.clear();
}

// Whoever wrote the recipe must not lead to anything that only the reader can reach: a folder of theirs, or a
// host that their keys open.
bool IsPublicUrl(std::string_view source) {
  return source.starts_with("https://") || source.starts_with("http://") || source.starts_with("git://");
}

std::string GitContext(const fetch::GitReference& git, const std::string& commit) {
  const std::string& ref = commit.empty() ? git.ref : commit;
  std::string query;
  if (git.submodules) query += fmt::format("&submodules={}", *git.submodules);
  if (git.keep_git_dir) query += fmt::format("&keep-git-dir={}", *git.keep_git_dir);
  if (git.commit_times) query += "&mtime=commit";
  if (query.empty()) return git.remote + "#" + ref + (git.folder.empty() ? "" : ":" + git.folder);
  if (!git.folder.empty()) query += "&subdir=" + git.folder;
  return fmt::format("{}?ref={}{}", git.remote, ref, query);
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
  if (git.ok()) return GitContext(*git, recipe.commit);
  if (recipe.commit.empty()) return recipe.source;
  // A repository's page, as labels name it.
  const std::string repository = recipe.source.substr(0, recipe.source.find_first_of("?#"));
  return fmt::format("{}.git#{}", repository.substr(0, repository.find_last_not_of('/') + 1), recipe.commit);
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

// Of attest::kRecipeFlags.
void AddFlag(const std::string& name, const std::string& value, BuildFlags* flags) {
  if (name == "normalize") flags->normalize.push_back(value);
  if (name == "label") flags->labels.push_back(value);
  if (name == "annotation") flags->annotations.push_back(value);
  if (name == "compression") flags->compression = value;
  if (name == "add-host") flags->extra_hosts.push_back(value);
  if (name == "ulimit") flags->ulimits.push_back(value);
  if (name == "shm-size") flags->shm_size = value;
  if (name == "exclude-newer") flags->exclude_newer = value;
  if (name == "offline") flags->offline = true;
}

}  // namespace

absl::StatusOr<PublishedRecipe> FindPublishedRecipe(absl::Span<const InspectedPlatform> platforms,
                                                    const v1::ReadStatementsResponse& statements) {
  std::optional<PublishedRecipe> published;
  Bases bases;
  std::set<std::string> unclear;
  for (const InspectedPlatform& platform : platforms) {
    ASSIGN_OR_RETURN(ProvenanceRecipe recipe, RecipeOf(platform, statements));
    AddBases(recipe, FormatPlatform(platform.platform), &bases, &unclear);
    recipe.bases.clear();
    TakeWholeCommit(&recipe);
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
  std::vector<std::string>& gaps = published->recipe.gaps;
  for (const std::string& reference : unclear) {
    bases.erase(reference);
    gaps.push_back(
        fmt::format("base {} had several digests on one platform; it is taken as it is now", reference));
  }
  for (const auto& [name, reference] : published->recipe.named_images)
    published->named.push_back(PinOfNamed(name, reference, bases, &gaps));
  published->pins = Pins(bases);
  return *std::move(published);
}

void TakeOverrides(const RecipeOverrides& overrides, ProvenanceRecipe* recipe) {
  // A farm's recipe tells context and Dockerfile by their content, which is compared when they are sent.
  if (!overrides.context.empty() && recipe->context_tree.empty() && !recipe->source.empty())
    recipe->gaps.push_back(fmt::format("--context in place of {}", recipe->source));
  if (!overrides.file.empty() && recipe->dockerfile_sha256.empty() && !recipe->dockerfile.empty())
    recipe->gaps.push_back(fmt::format("--file in place of {}", recipe->dockerfile));
  for (const std::string& each : overrides.build_args) {
    const auto told = recipe->arguments.find(each.substr(0, each.find('=')));
    if (told == recipe->arguments.end() || each == told->first + "=" + told->second) continue;
    recipe->gaps.push_back(fmt::format("--build-arg {} in place of the value that is told", told->first));
    recipe->arguments.erase(told);
  }
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
  for (const std::string& named : published.named) flags.build_contexts.push_back(named);
  for (const std::string& pin : published.pins) {
    // What has that name already is no base.
    if (!recipe.named_images.contains(pin.substr(0, pin.find('=')))) flags.build_contexts.push_back(pin);
  }
  for (const auto& [name, value] : recipe.flags) AddFlag(name, value, &flags);
  for (const InspectedPlatform& platform : platforms)
    flags.platforms.push_back(FormatPlatform(platform.platform));
  // Nothing comes from the cache: equal means made again.
  flags.no_cache = true;
  if (recipe.keeps_times) flags.source_date_epoch = "none";
  if (recipe.source_date_epoch) flags.source_date_epoch = std::to_string(*recipe.source_date_epoch);
  return flags;
}

}  // namespace crossmill::cli
