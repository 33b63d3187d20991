#include "cli/evidence/render_evidence.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace crossmill::cli {
namespace {

// Whatever a statement says may go to a terminal.
std::string Clean(const std::string& text) { return Printable(text); }

std::string Joined(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + Clean(word);
  return joined.empty() ? "nothing" : joined;
}

std::string Hosts(const attest::VerdictClaim& claim) {
  if (claim.same_host) return "the same host";
  return fmt::format("{} host{}", claim.hosts, claim.hosts == 1 ? "" : "s");
}

std::string RenderVerdict(const attest::FarmSays& says, const TextOptions& options) {
  const attest::VerdictClaim& claim = says.claim;
  const Ink ink = claim.verdict == "reproducible" ? Ink::kGreen : Ink::kYellow;
  std::string text = fmt::format("farm {} ({}) says of {} sha256:{}\n", says.key_id.substr(0, 12),
                                 Clean(says.key_name), Clean(claim.platform), claim.image);
  text += fmt::format("  {}: {}\n", Paint(Clean(claim.verdict), ink, options.colour), Clean(claim.reason));
  text +=
      fmt::format("  level {}; {} execution{} of each step on {}{}\n", Clean(claim.level), claim.executions,
                  claim.executions == 1 ? "" : "s", Hosts(claim), claim.emulated ? "; some emulated" : "");
  text += fmt::format("  varied: {}; equal: {}\n", Joined(claim.varied), Joined(claim.equal));
  text += fmt::format(
      "  of {} executions {} name their worker's statement, {} of which are here and say the same\n",
      says.listed, says.with_statement, says.confirmed);
  return text;
}

Ink InkOf(attest::Standing standing) {
  switch (standing) {
    case attest::Standing::kSigned:
    case attest::Standing::kVouched:
      return Ink::kGreen;
    case attest::Standing::kUntrusted:
    case attest::Standing::kUnknownKey:
      return Ink::kYellow;
    case attest::Standing::kRefused:
      return Ink::kRed;
  }
  return Ink::kPlain;
}

std::string RenderFiles(const attest::Weighed& weighed, const TextOptions& options) {
  Table table({{"standing"}, {"kind"}, {"key"}, {"about"}, {"file"}}, 4);
  for (const attest::WeighedFile& file : weighed.files) {
    table.Add({{std::string(attest::StandingWord(file.standing)), InkOf(file.standing)},
               {file.kind},
               {Clean(file.key_id.substr(0, 12))},
               {file.subjects.empty() ? "" : file.subjects.front().substr(0, 12)},
               {Clean(file.name)}});
  }
  return table.Render(options);
}

std::string RenderConclusion(const attest::Weighed& weighed, const TextOptions& options) {
  const bool agreed = weighed.weight == attest::Weight::kAgreed;
  std::string text =
      Paint(attest::WeightWord(weighed.weight), agreed ? Ink::kGreen : Ink::kRed, options.colour);
  if (agreed) {
    text += fmt::format(": {} farm{}; their executions name {} host{}", weighed.farms,
                        weighed.farms == 1 ? "" : "s", weighed.hosts, weighed.hosts == 1 ? "" : "s");
  }
  text += "\n";
  for (const std::string& reason : weighed.reasons) text += fmt::format("  {}\n", Clean(reason));
  return text;
}

Json VerdictJson(const attest::FarmSays& says) {
  const attest::VerdictClaim& claim = says.claim;
  Json json;
  json["file"] = says.file;
  json["key_id"] = says.key_id;
  json["key"] = says.key_name;
  json["platform"] = claim.platform;
  json["image"] = "sha256:" + claim.image;
  json["index"] = TextOrNull(claim.index);
  json["verdict"] = claim.verdict;
  json["level"] = claim.level;
  json["reason"] = claim.reason;
  json["hosts"] = claim.hosts;
  json["same_host"] = claim.same_host;
  json["executions"] = claim.executions;
  json["emulated"] = claim.emulated;
  json["varied"] = claim.varied;
  json["equal"] = claim.equal;
  json["executions_listed"] = says.listed;
  json["statements_named"] = says.with_statement;
  json["statements_confirmed"] = says.confirmed;
  return json;
}

}  // namespace

std::string RenderWeighed(const attest::Weighed& weighed, const TextOptions& options) {
  std::string text = RenderFiles(weighed, options) + "\n";
  for (const attest::FarmSays& says : weighed.verdicts) text += RenderVerdict(says, options) + "\n";
  return text + RenderConclusion(weighed, options);
}

Json WeighedJson(const attest::Weighed& weighed) {
  Json json;
  json["result"] = attest::WeightWord(weighed.weight);
  json["reasons"] = weighed.reasons;
  json["farms"] = weighed.farms;
  json["hosts_named"] = weighed.hosts;
  json["verdicts"] = Json::array();
  for (const attest::FarmSays& says : weighed.verdicts) json["verdicts"].push_back(VerdictJson(says));
  json["files"] = Json::array();
  for (const attest::WeighedFile& file : weighed.files) {
    Json row;
    row["name"] = file.name;
    row["standing"] = attest::StandingWord(file.standing);
    row["kind"] = TextOrNull(file.kind);
    row["key_id"] = TextOrNull(file.key_id);
    row["key"] = TextOrNull(file.key_name);
    row["subjects"] = Json::array();
    for (const std::string& subject : file.subjects) row["subjects"].push_back("sha256:" + subject);
    row["problem"] = TextOrNull(file.problem);
    json["files"].push_back(std::move(row));
  }
  return json;
}

ExitCode ExitCodeOf(attest::Weight weight) {
  switch (weight) {
    case attest::Weight::kAgreed:
      return kExitOk;
    case attest::Weight::kRefused:
      return kExitBuildFailed;
    case attest::Weight::kDiffers:
      return kExitNotReproducible;
    case attest::Weight::kInconclusive:
      return kExitInconclusive;
  }
  return kExitInconclusive;
}

}  // namespace crossmill::cli
