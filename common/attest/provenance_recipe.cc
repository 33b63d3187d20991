#include "common/attest/provenance_recipe.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::attest {
namespace {

constexpr size_t kMostMembers = 10'000;
constexpr std::string_view kImageScheme = "docker-image://";

// A member that may be missing; an empty object or text then.
const SortedJson& Member(const SortedJson& object, const char* name) {
  static const SortedJson kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::string Text(const SortedJson& object, const char* name) {
  const SortedJson& member = Member(object, name);
  return member.is_string() ? member.get<std::string>() : std::string();
}

bool IsHex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// What a name or a reference may consist of, so that it means the same wherever it is put.
bool IsPlain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("._/:@-+", std::string(1, c));
  });
}

// "pkg:docker/team/app@1.2?platform=linux%2Famd64&digest=sha256:..." (package-url, type docker): the
// reference and the platform; no reference: another package.
RecordedBase BaseOfPackageUrl(std::string_view url) {
  constexpr std::string_view kDocker = "pkg:docker/";
  RecordedBase base;
  if (!url.starts_with(kDocker)) return base;
  url.remove_prefix(kDocker.size());
  url = url.substr(0, url.find('#'));
  const size_t question = url.find('?');
  if (question != url.npos) {
    for (const std::string& qualifier :
         std::vector<std::string>(absl::StrSplit(Av(url.substr(question + 1)), '&'))) {
      if (qualifier.starts_with("platform="))
        base.platform = DecodePercent(std::string_view(qualifier).substr(9));
    }
    url = url.substr(0, question);
  }
  const size_t at = url.rfind('@');
  base.reference = DecodePercent(url.substr(0, at));
  if (at == url.npos) return base;
  const std::string version = DecodePercent(url.substr(at + 1));
  // A base that the recipe itself named by digest keeps it.
  base.reference += (version.starts_with("sha256:") ? "@" : ":") + version;
  return base;
}

// `each` has "uri" and "digest": a material of v0.2, a resource descriptor of v1.
void AddDependency(const SortedJson& each, ProvenanceRecipe* recipe) {
  const std::string uri = Text(each, "uri");
  const std::string sha256 = Text(Member(each, "digest"), "sha256");
  RecordedBase base = BaseOfPackageUrl(uri);
  if (uri.starts_with(kImageScheme)) {
    base.reference = uri.substr(kImageScheme.size());
    base.platform = Text(Member(each, "annotations"), "platform");
  }
  if (base.reference.empty() || !IsSha256Hex(sha256)) return;
  if (!IsPlain(base.reference) || (!base.platform.empty() && !IsPlain(base.platform))) {
    recipe->gaps.emplace_back("a base has a name that is none");
    return;
  }
  if (Member(Member(each, "annotations"), "standIn") == true) {
    recipe->gaps.push_back(fmt::format("base {} was a stand-in, which no registry has", base.reference));
    return;
  }
  // The frontend that read the Dockerfile is a material, too, and no base; as a name that no FROM has it does
  // nothing.
  base.digest = "sha256:" + sha256;
  if (std::find(recipe->bases.begin(), recipe->bases.end(), base) == recipe->bases.end())
    recipe->bases.push_back(std::move(base));
}

void AddDependencies(const SortedJson& list, ProvenanceRecipe* recipe) {
  if (!list.is_array()) return;
  size_t count = 0;
  for (const SortedJson& each : list) {
    if (++count > kMostMembers) break;
    AddDependency(each, recipe);
  }
}

// With these a builder fetches the context; steps never see them.
bool IsForFetching(const std::string& id) {
  return id.starts_with("GIT_AUTH_TOKEN") || id.starts_with("GIT_AUTH_HEADER");
}

// `optional`: what a build also runs without, so that nobody can tell whether it was given.
void AddIds(const SortedJson& list, std::vector<std::string>* ids, std::vector<std::string>* optional) {
  if (!list.is_array()) return;
  for (const SortedJson& each : list) {
    // BuildKit: objects with an id; this farm: texts.
    const std::string id = each.is_string() ? each.get<std::string>() : Text(each, "id");
    if (id.empty() || IsForFetching(id) || ids->size() + optional->size() >= kMostMembers) continue;
    (Member(each, "optional") == true ? optional : ids)->push_back(id);
  }
}

// Options and arguments of BuildKit's that say where things come from, which are read elsewhere, or change
// nothing of what is in the image.
bool ChangesNothing(std::string_view name) {
  for (const std::string_view prefix :
       {"attest:", "vcs:", "cache-", "build-arg:BUILDKIT_MULTI_PLATFORM", "build-arg:BUILDKIT_INLINE_CACHE",
        "build-arg:BUILDKIT_DOCKERFILE_CHECK", "build-arg:BUILDKIT_CACHE_MOUNT_NS"}) {
    if (name.starts_with(prefix)) return true;
  }
  for (const std::string_view each :
       {"cmdline", "source", "platform", "no-cache", "image-resolve-mode", "multi-platform", "context",
        "dockerfilekey", "contextkey", "localsessionid:context", "frontend.caps"}) {
    if (name == each) return true;
  }
  return false;
}

void AddNamedContext(const std::string& name, const std::string& value, ProvenanceRecipe* recipe) {
  // No other form: one that names something of the reader's own machine or network must not be followed.
  if (value.starts_with(kImageScheme) && IsPlain(name) && IsPlain(value.substr(kImageScheme.size()))) {
    recipe->named_images[name] = value.substr(kImageScheme.size());
  } else {
    recipe->gaps.push_back(fmt::format("build context '{}' was {}", name, value));
  }
}

// One option of BuildKit's Dockerfile frontend.
void AddOption(const std::string& name, const std::string& value, ProvenanceRecipe* recipe) {
  const auto after = [&name](std::string_view prefix) { return name.substr(prefix.size()); };
  if (name == "build-arg:SOURCE_DATE_EPOCH") {
    int64_t seconds = 0;
    if (absl::SimpleAtoi(value, &seconds)) {
      recipe->source_date_epoch = seconds;
    } else if (!value.empty()) {
      recipe->gaps.push_back(fmt::format("SOURCE_DATE_EPOCH was '{}'", value));
    }
  } else if (name == "target") {
    recipe->target = value;
  } else if (name == "filename") {
    recipe->dockerfile = value;
  } else if (name == "force-network-mode") {
    recipe->without_network = value == "none";
  } else if (ChangesNothing(name)) {
    return;
  } else if (name.starts_with("label:")) {
    recipe->labels[after("label:")] = value;
  } else if (name.starts_with("context:")) {
    AddNamedContext(after("context:"), value, recipe);
  } else if (name.starts_with("build-arg:") && !name.starts_with("build-arg:BUILDKIT_") &&
             !absl::StrContains(name, "=")) {
    recipe->arguments[after("build-arg:")] = value;
  } else {
    recipe->gaps.push_back(fmt::format("the builder was told {}={}", name, value));
  }
}

void AddRequest(const SortedJson& request, ProvenanceRecipe* recipe) {
  const SortedJson& options = Member(request, "args");
  const std::string frontend = Text(request, "frontend");
  const std::string source = Text(options, "source");
  if (frontend != "dockerfile.v0" && !(frontend == "gateway.v0" && source.starts_with("docker/dockerfile")))
    recipe->gaps.push_back(
        fmt::format("another frontend than the Dockerfile's was used: '{}' {}", frontend, source));
  if (options.is_object()) {
    for (const auto& [name, value] : options.items()) {
      if (value.is_string()) AddOption(name, value.get<std::string>(), recipe);
    }
  }
  AddIds(Member(request, "secrets"), &recipe->secrets, &recipe->optional_secrets);
  AddIds(Member(request, "ssh"), &recipe->agents, &recipe->optional_agents);
}

// A context that was sent from a folder: what the client said of its git is not checked by anybody.
void AddSaidSource(const SortedJson& said, ProvenanceRecipe* recipe) {
  const std::string source = Text(said, "source");
  std::string commit = Text(said, "revision");
  const bool dirty = commit.ends_with("-dirty");
  if (dirty) commit.resize(commit.size() - 6);
  if (source.empty() || !IsHex(commit)) {
    recipe->gaps.emplace_back("the context was a folder, and nobody said of which source");
    return;
  }
  recipe->source = source;
  recipe->commit = commit;
  const std::string folder = Text(said, "localdir:context");
  if (!folder.empty() && folder != ".") recipe->source += "#:" + folder;
  recipe->gaps.emplace_back(
      dirty ? "the context was a checkout with changes that are in no commit"
            : "the context was a folder; that it was this commit is only what the builder's client said");
}

struct Source {
  std::string uri;
  const SortedJson* digest;
  std::string dockerfile;
};

void AddSource(const Source& source, const SortedJson& said, ProvenanceRecipe* recipe) {
  if (!source.dockerfile.empty()) recipe->dockerfile = source.dockerfile;
  if (source.uri.empty()) return AddSaidSource(said, recipe);
  recipe->source = source.uri;
  // A sha256 is that of a download; it is not looked at.
  for (const char* name : {"sha1", "gitCommit"}) {
    const std::string value = Text(*source.digest, name);
    if (recipe->commit.empty() && IsHex(value)) recipe->commit = value;
  }
  if (recipe->commit.empty())
    recipe->gaps.emplace_back("the statement names no commit: the source is what its address gives now");
}

ProvenanceRecipe ReadBuildKit1(const SortedJson& predicate) {
  ProvenanceRecipe recipe;
  recipe.told_by = "BuildKit, SLSA provenance v1";
  const SortedJson& definition = Member(predicate, "buildDefinition");
  const SortedJson& metadata = Member(Member(predicate, "runDetails"), "metadata");
  const SortedJson& external = Member(definition, "externalParameters");
  const SortedJson& config = Member(external, "configSource");
  AddRequest(Member(external, "request"), &recipe);
  AddSource({Text(config, "uri"), &Member(config, "digest"), Text(config, "path")},
            Member(Member(metadata, "buildkit_metadata"), "vcs"), &recipe);
  AddDependencies(Member(definition, "resolvedDependencies"), &recipe);
  if (Member(Member(metadata, "buildkit_completeness"), "request") != true)
    recipe.gaps.emplace_back("the statement leaves out arguments of the build (mode=min)");
  return recipe;
}

ProvenanceRecipe ReadBuildKit02(const SortedJson& predicate) {
  ProvenanceRecipe recipe;
  recipe.told_by = "BuildKit, SLSA provenance v0.2";
  const SortedJson& invocation = Member(predicate, "invocation");
  const SortedJson& metadata = Member(predicate, "metadata");
  const SortedJson& config = Member(invocation, "configSource");
  AddRequest(Member(invocation, "parameters"), &recipe);
  AddSource({Text(config, "uri"), &Member(config, "digest"), Text(config, "entryPoint")},
            Member(Member(metadata, "https://mobyproject.org/buildkit@v1#metadata"), "vcs"), &recipe);
  AddDependencies(Member(predicate, "materials"), &recipe);
  if (Member(Member(metadata, "completeness"), "parameters") != true)
    recipe.gaps.emplace_back("the statement leaves out arguments of the build (mode=min)");
  return recipe;
}

// Flags that a farm's statement tells; those that are unknown are told, not used.
void AddFlags(const SortedJson& list, ProvenanceRecipe* recipe) {
  if (!list.is_array()) {
    recipe->gaps.emplace_back("flags of the build (--normalize, --label and others) are not told");
    return;
  }
  for (const SortedJson& each : list) {
    const std::string name = Text(each, "name");
    const bool known =
        std::find(std::begin(kRecipeFlags), std::end(kRecipeFlags), name) != std::end(kRecipeFlags);
    if (known && recipe->flags.size() < kMostMembers) {
      recipe->flags.emplace_back(name, Text(each, "value"));
    } else {
      recipe->gaps.push_back(fmt::format("the farm was told --{} {}", name, Text(each, "value")));
    }
  }
}

ProvenanceRecipe ReadOwn(const SortedJson& definition) {
  ProvenanceRecipe recipe;
  recipe.told_by = "a Crossmill farm, SLSA provenance v1";
  const SortedJson& external = Member(definition, "externalParameters");
  const SortedJson& internal = Member(definition, "internalParameters");
  const SortedJson& context = Member(external, "context");
  recipe.source = Text(context, "origin");
  recipe.commit = Text(context, "gitCommit");
  recipe.context_tree = Text(Member(context, "tree"), "sha256");
  recipe.dockerfile = Text(Member(external, "dockerfile"), "name");
  recipe.dockerfile_sha256 = Text(Member(Member(external, "dockerfile"), "digest"), "sha256");
  recipe.target = Text(external, "target");
  const SortedJson& arguments = Member(external, "arguments");
  if (arguments.is_object()) {
    for (const auto& [name, value] : arguments.items()) {
      if (value.is_string()) recipe.arguments[name] = value.get<std::string>();
    }
  }
  // One that the farm took from the bases comes out of them again, and steps were not given it.
  const SortedJson& epoch = Member(external, "sourceDateEpoch");
  if (epoch.is_number_integer()) recipe.source_date_epoch = epoch.get<int64_t>();
  AddIds(Member(external, "secrets"), &recipe.secrets, &recipe.optional_secrets);
  AddIds(Member(external, "sshAgents"), &recipe.agents, &recipe.optional_agents);
  recipe.without_network = Text(external, "network") == "none";
  AddFlags(Member(external, "flags"), &recipe);
  recipe.keeps_times = Member(external, "keepTimes") == true;
  AddDependencies(Member(definition, "resolvedDependencies"), &recipe);
  if (Member(external, "namedContexts").is_array() && !Member(external, "namedContexts").empty())
    recipe.gaps.emplace_back("the build had named contexts, of which only digests are told");
  if (Member(internal, "argumentsWithoutValue").is_array() &&
      !Member(internal, "argumentsWithoutValue").empty())
    recipe.gaps.emplace_back("values of arguments that reach a proxy are left out");
  return recipe;
}

}  // namespace

absl::StatusOr<ProvenanceRecipe> ReadProvenanceRecipe(const Statement& statement) {
  const SortedJson& predicate = statement.predicate;
  if (statement.predicate_type == kProvenance02Predicate) {
    const std::string type = Text(predicate, "buildType");
    if (type.starts_with("https://mobyproject.org/buildkit")) return ReadBuildKit02(predicate);
    return absl::InvalidArgumentError(
        fmt::format("provenance of an unknown kind of build ({}); expected BuildKit's", type));
  }
  if (statement.predicate_type == kProvenancePredicate) {
    const SortedJson& definition = Member(predicate, "buildDefinition");
    const std::string type = Text(definition, "buildType");
    if (type.starts_with("urn:crossmill:build:dockerfile:")) return ReadOwn(definition);
    if (absl::StrContains(type, "github.com/moby/buildkit")) return ReadBuildKit1(predicate);
    return absl::InvalidArgumentError(fmt::format(
        "provenance of an unknown kind of build ({}); expected BuildKit's or a Crossmill farm's", type));
  }
  return absl::InvalidArgumentError(fmt::format("no provenance, but {}", statement.predicate_type));
}

absl::StatusOr<ProvenanceRecipe> ReadLabelRecipe(const std::map<std::string, std::string>& labels) {
  const auto label = [&labels](const std::string& name) {
    const auto found = labels.find("org.opencontainers.image." + name);
    return found == labels.end() ? std::string() : found->second;
  };
  ProvenanceRecipe recipe;
  recipe.told_by = "the image's own labels";
  recipe.source = label("source");
  if (recipe.source.empty())
    return absl::NotFoundError("the image has no label org.opencontainers.image.source");
  recipe.commit = label("revision");
  if (!IsHex(recipe.commit)) {
    recipe.gaps.push_back(recipe.commit.empty()
                              ? "the labels do not say which commit it was"
                              : fmt::format("the label of the revision is no commit: '{}'", recipe.commit));
    recipe.commit.clear();
  }
  if (IsPlain(label("base.name")) && label("base.digest").starts_with("sha256:") &&
      IsPlain(label("base.digest")))
    recipe.bases.push_back({label("base.name"), label("base.digest"), ""});
  recipe.gaps.emplace_back("labels do not tell the Dockerfile's path, its target, arguments and all bases");
  return recipe;
}

}  // namespace crossmill::attest
