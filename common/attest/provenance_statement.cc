#include "common/attest/provenance_statement.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::attest {
namespace {

// A build that fetched more says so.
constexpr size_t kMostFetched = 5000;

bool IsProxyArgument(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "http_proxy" || lower == "https_proxy" || lower == "ftp_proxy" || lower == "all_proxy" ||
         lower == "no_proxy";
}

// Without user name and password.
std::string WithoutCredentials(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const size_t host = scheme + 3;
  const size_t end = std::min(url.find_first_of("/?#", host), url.size());
  const size_t at = url.rfind('@', end);
  return at == std::string::npos || at < host || at >= end ? url : url.substr(0, host) + url.substr(at + 1);
}

SortedJson Sha256Json(const std::string& hash) { return {{"sha256", hash}}; }

std::string HashOf(const std::string& oci) {
  const auto hash = HashOfOci(oci);
  return hash.ok() ? *hash : std::string();
}

SortedJson ContextJson(const v1::NamedContext& context) {
  SortedJson json = {{"name", context.name()}, {"origin", WithoutCredentials(context.origin())}};
  switch (context.source_case()) {
    case v1::NamedContext::kTree:
      json["tree"] = Sha256Json(context.tree().hash());
      break;
    case v1::NamedContext::kImage:
      json["image"] = context.image();
      break;
    case v1::NamedContext::kImageRoot:
      json["imageRoot"] = Sha256Json(context.image_root().hash());
      break;
    case v1::NamedContext::SOURCE_NOT_SET:
      break;
  }
  return json;
}

// Flags of `crossmill build` that change what it makes (provenance_recipe.h reads them), as they could be
// given again.
SortedJson FlagsJson(const v1::BuildOptions& options) {
  SortedJson flags = SortedJson::array();
  const auto add = [&flags](const char* name, std::string value) {
    flags.push_back({{"name", name}, {"value", std::move(value)}});
  };
  for (const std::string& rule : options.normalize()) add("normalize", rule);
  for (const v1::BuildArgument& each : options.labels()) add("label", each.name() + "=" + each.value());
  for (const v1::BuildArgument& each : options.annotations())
    add("annotation", each.name() + "=" + each.value());
  if (options.compression() == v1::COMPRESSION_GZIP || options.compression() == v1::COMPRESSION_ZSTD) {
    std::string value = options.compression() == v1::COMPRESSION_GZIP ? "gzip" : "zstd";
    if (options.compression_level() != 0) value += fmt::format(",level={}", options.compression_level());
    add("compression", std::move(value));
  }
  for (const std::string& host : options.extra_hosts()) {
    // "ADDRESS NAME".
    const size_t space = host.find(' ');
    add("add-host", host.substr(space + 1) + "=" + host.substr(0, space));
  }
  for (const v1::Ulimit& each : options.ulimits()) {
    add("ulimit", fmt::format("{}={}:{}", each.name(), each.soft(), each.hard()));
  }
  if (options.shm_size() != 0) add("shm-size", std::to_string(options.shm_size()));
  if (options.has_exclude_newer())
    add("exclude-newer",
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(options.exclude_newer()),
                         absl::UTCTimeZone()));
  if (options.offline()) add("offline", "true");
  return flags;
}

SortedJson ExternalParameters(const ProvenanceFacts& facts) {
  const v1::Recipe& recipe = facts.submission->recipe();
  const v1::BuildOptions& options = facts.submission->options();
  SortedJson json;
  json["platform"] = FormatPlatform(facts.cell->platform());
  json["dockerfile"] = {{"name", recipe.dockerfile_name()},
                        {"digest", Sha256Json(Sha256Hex(recipe.dockerfile()))}};
  // A Merkle tree of Directory messages (docs/formats.md): its root stands for all that is in it.
  json["context"] = {{"origin", WithoutCredentials(recipe.context_origin())},
                     {"tree", Sha256Json(recipe.context_root().hash())}};
  if (!recipe.context_commit().empty()) json["context"]["gitCommit"] = recipe.context_commit();
  json["namedContexts"] = SortedJson::array();
  for (const v1::NamedContext& each : recipe.contexts()) json["namedContexts"].push_back(ContextJson(each));
  json["target"] = recipe.target();
  json["arguments"] = SortedJson::object();
  for (const v1::BuildArgument& each : recipe.build_arguments()) {
    if (!IsProxyArgument(each.name())) json["arguments"][each.name()] = each.value();
  }
  json["secrets"] = SortedJson::array();
  for (const std::string& id : options.secret_ids()) json["secrets"].push_back(id);
  json["sshAgents"] = SortedJson::array();
  for (const std::string& id : options.ssh_ids()) json["sshAgents"].push_back(id);
  json["network"] =
      Word(options.network() == v1::NETWORK_MODE_UNSPECIFIED ? v1::NETWORK_MODE_RECORDED : options.network());
  json["verify"] = options.verify();
  if (options.has_source_date_epoch()) json["sourceDateEpoch"] = options.source_date_epoch();
  json["keepTimes"] = options.keep_times();
  json["flags"] = FlagsJson(options);
  return json;
}

SortedJson InternalParameters(const ProvenanceFacts& facts) {
  SortedJson json = {{"epoch", facts.build->epoch()},
                     {"emulated", facts.cell->emulated()},
                     {"fetchesWithoutDigest", facts.fetches_without_digest},
                     {"argumentsWithoutValue", SortedJson::array()}};
  for (const v1::BuildArgument& each : facts.submission->recipe().build_arguments()) {
    if (IsProxyArgument(each.name())) json["argumentsWithoutValue"].push_back(each.name());
  }
  return json;
}

// The bases that the stages of this cell come from, each once.
std::set<int> BasesOf(const ProvenanceFacts& facts) {
  std::set<int> bases;
  for (const uint32_t index : facts.cell->stages()) {
    if (index >= static_cast<uint32_t>(facts.build->stages_size())) continue;
    const int base = facts.build->stages(static_cast<int>(index)).base();
    if (base >= 0 && base < facts.build->bases_size()) bases.insert(base);
  }
  return bases;
}

void AddBases(const ProvenanceFacts& facts, SortedJson* dependencies) {
  for (const int index : BasesOf(facts)) {
    const v1::PinnedImage& base = facts.build->bases(index);
    SortedJson json = {{"uri", "docker-image://" + base.reference()},
                       {"annotations", {{"platform", FormatPlatform(base.platform())}, {"kind", "base"}}}};
    const std::string hash = HashOf(base.manifest_digest());
    if (!hash.empty()) json["digest"] = Sha256Json(hash);
    // Its digest is not what the registry has under that name.
    if (base.stand_in()) json["annotations"]["standIn"] = true;
    dependencies->push_back(std::move(json));
  }
}

void AddSources(const ProvenanceFacts& facts, SortedJson* dependencies) {
  for (const v1::RemoteSource& source : facts.build->remote_sources()) {
    SortedJson json = {{"uri", WithoutCredentials(source.url())}, {"annotations", {{"kind", "add"}}}};
    const std::string hash = HashOf(source.digest());
    if (!hash.empty()) json["digest"] = Sha256Json(hash);
    if (!source.commit().empty()) json["digest"] = {{"gitCommit", source.commit()}};
    dependencies->push_back(std::move(json));
  }
}

void AddFetched(const ProvenanceFacts& facts, SortedJson* dependencies, int64_t* left_out) {
  std::set<std::pair<std::string, std::string>> files;
  for (const FetchedFile& file : facts.fetched) files.emplace(WithoutCredentials(file.url), file.sha256);
  size_t added = 0;
  for (const auto& [url, hash] : files) {
    if (added++ >= kMostFetched) break;
    dependencies->push_back(
        {{"uri", url}, {"digest", Sha256Json(hash)}, {"annotations", {{"kind", "fetch"}}}});
  }
  *left_out = static_cast<int64_t>(files.size() - std::min(files.size(), kMostFetched));
}

}  // namespace

std::string FarmUri(const std::string& coordinator_key_id) {
  return "urn:crossmill:farm:" + coordinator_key_id;
}

Statement ProvenanceStatement(const ProvenanceFacts& facts) {
  Statement statement;
  statement.predicate_type = kProvenancePredicate;
  statement.subjects.push_back({FormatPlatform(facts.cell->platform()), facts.cell->image_manifest().hash()});
  SortedJson dependencies = SortedJson::array();
  int64_t left_out = 0;
  AddBases(facts, &dependencies);
  AddSources(facts, &dependencies);
  AddFetched(facts, &dependencies, &left_out);
  SortedJson internal = InternalParameters(facts);
  internal["dependenciesLeftOut"] = left_out;
  const std::string farm = FarmUri(facts.coordinator_key_id);
  SortedJson builder = {{"id", farm}};
  if (!facts.build->farm_version().empty()) builder["version"] = {{"crossmill", facts.build->farm_version()}};
  SortedJson metadata = {{"invocationId", fmt::format("{}:build:{}", farm, facts.build->id())},
                         {"startedOn", TimeText(facts.build->created_at())}};
  if (facts.build->finished_at() != 0) metadata["finishedOn"] = TimeText(facts.build->finished_at());
  statement.predicate = {
      {"buildDefinition",
       {{"buildType", kBuildType},
        {"externalParameters", ExternalParameters(facts)},
        {"internalParameters", std::move(internal)},
        {"resolvedDependencies", std::move(dependencies)}}},
      {"runDetails", {{"builder", std::move(builder)}, {"metadata", std::move(metadata)}}}};
  return statement;
}

Statement MinimalProvenance(Statement provenance) {
  const auto definition = provenance.predicate.find("buildDefinition");
  if (definition == provenance.predicate.end()) return provenance;
  for (const char* name : {"arguments", "secrets", "sshAgents", "flags"})
    (*definition)["externalParameters"].erase(name);
  (*definition)["internalParameters"].erase("argumentsWithoutValue");
  return provenance;
}

}  // namespace crossmill::attest
