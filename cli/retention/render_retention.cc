#include "cli/retention/render_retention.h"

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::cli {
namespace {

using Uses = google::protobuf::RepeatedPtrField<v1::RoomUse>;

void AddRows(const Uses& uses, bool verbose, Table* table) {
  for (const v1::RoomUse& use : uses) {
    std::vector<Table::Cell> row = {
        {use.kind()}, {use.count() == 0 ? "" : fmt::format("{}", use.count())}, {FormatBytes(use.bytes())}};
    if (verbose) row.push_back({use.reason()});
    table->Add(std::move(row));
  }
}

Json UsesJson(const Uses& uses) {
  Json list = Json::array();
  for (const v1::RoomUse& use : uses)
    list.push_back(
        {{"kind", use.kind()}, {"count", use.count()}, {"bytes", use.bytes()}, {"reason", use.reason()}});
  return list;
}

std::string BucketText(const v1::GetDiskUseResponse& use, bool verbose, const TextOptions& options) {
  if (use.bucket().empty()) return "";
  std::vector<Table::Column> columns = {
      {"IN THE BUCKET"}, {"COUNT", Table::Align::kRight}, {"SIZE", Table::Align::kRight}};
  if (verbose) columns.push_back({"KEPT"});
  Table table(std::move(columns), verbose ? 3 : -1);
  AddRows(use.in_bucket(), verbose, &table);
  const std::string of = use.bucket_budget_bytes() > 0 ? fmt::format(" of {} (policy bucket.budget)",
                                                                     FormatBytes(use.bucket_budget_bytes()))
                                                       : "";
  std::string text = "\n" + table.Render(options);
  text += fmt::format("\nbucket        {}{} in {}\n", FormatBytes(use.bucket_bytes()), of,
                      Printable(use.bucket()));
  if (!use.bucket_trouble().empty())
    text += Paint("cannot be used: " + Printable(use.bucket_trouble()), Ink::kRed, options.colour) + "\n";
  return text;
}

std::string Blobs(int64_t count, int64_t bytes) {
  return fmt::format("{} {}, {}", count, count == 1 ? "blob" : "blobs", FormatBytes(bytes));
}

}  // namespace

std::string RenderDiskUse(const v1::GetDiskUseResponse& use, bool verbose, const TextOptions& options) {
  std::vector<Table::Column> columns = {
      {"WHAT"}, {"COUNT", Table::Align::kRight}, {"SIZE", Table::Align::kRight}};
  if (verbose) columns.push_back({"KEPT"});
  Table table(std::move(columns), verbose ? 3 : -1);
  AddRows(use.blobs(), verbose, &table);
  AddRows(use.others(), verbose, &table);
  std::string text = table.Render(options);
  text += fmt::format("\nall           {}\n", FormatBytes(use.total_bytes()));
  text += fmt::format("blobs         {} of {} (policy blobs.budget)\n", FormatBytes(use.blobs_bytes()),
                      FormatBytes(use.budget_bytes()));
  text += fmt::format("can go now    {} (crossmill prune)\n", FormatBytes(use.reclaimable_bytes()));
  text += fmt::format("disk          {} free of {}; nothing new is taken below {}\n",
                      FormatBytes(use.free_bytes()), FormatBytes(use.disk_bytes()),
                      FormatBytes(use.least_free_bytes()));
  text += BucketText(use, verbose, options);
  if (!use.refusing().empty())
    text += fmt::format("\n{}\n", Paint(use.refusing(), Ink::kRed, options.colour));
  return text;
}

Json DiskUseJson(const v1::GetDiskUseResponse& use) {
  return {{"blobs", UsesJson(use.blobs())},
          {"others", UsesJson(use.others())},
          {"blobs_bytes", use.blobs_bytes()},
          {"total_bytes", use.total_bytes()},
          {"budget_bytes", use.budget_bytes()},
          {"reclaimable_bytes", use.reclaimable_bytes()},
          {"free_bytes", use.free_bytes()},
          {"disk_bytes", use.disk_bytes()},
          {"least_free_bytes", use.least_free_bytes()},
          {"refusing", use.refusing()},
          {"bucket", TextOrNull(use.bucket())},
          {"in_bucket", UsesJson(use.in_bucket())},
          {"bucket_bytes", use.bucket_bytes()},
          {"bucket_budget_bytes", use.bucket_budget_bytes()},
          {"bucket_trouble", use.bucket_trouble()}};
}

std::string RenderCollected(const v1::CollectResponse& collected, bool dry_run, const TextOptions& options) {
  std::string text = fmt::format("{} {}\n", dry_run ? "would remove" : "removed",
                                 Blobs(collected.blobs(), collected.bytes()));
  if (collected.bucket_blobs() > 0) {
    text += fmt::format("{} {} from the bucket\n", dry_run ? "would remove" : "removed",
                        Blobs(collected.bucket_blobs(), collected.bucket_bytes()));
  }
  if (collected.left_disk_bytes() > 0)
    text += fmt::format("{} left the disk for the bucket\n", FormatBytes(collected.left_disk_bytes()));
  for (const v1::RoomUse& aged : collected.aged())
    text += fmt::format("{} {} {}{}\n", dry_run ? "too old:" : "was too old:", aged.count(), aged.kind(),
                        aged.bytes() > 0 ? ", " + FormatBytes(aged.bytes()) : "");
  text += fmt::format("blobs take {} of {}\n", FormatBytes(collected.total_bytes()),
                      FormatBytes(collected.budget_bytes()));
  if (!collected.over_budget().empty())
    text += Paint(collected.over_budget(), Ink::kYellow, options.colour) + "\n";
  return text;
}

Json CollectedJson(const v1::CollectResponse& collected, bool dry_run) {
  return {{"dry_run", dry_run},
          {"blobs", collected.blobs()},
          {"bytes", collected.bytes()},
          {"kept", UsesJson(collected.kept())},
          {"aged", UsesJson(collected.aged())},
          {"total_bytes", collected.total_bytes()},
          {"budget_bytes", collected.budget_bytes()},
          {"over_budget", collected.over_budget()},
          {"bucket_blobs", collected.bucket_blobs()},
          {"bucket_bytes", collected.bucket_bytes()},
          {"left_disk_bytes", collected.left_disk_bytes()},
          {"longest_step", collected.longest_step()}};
}

std::string RenderPolicies(const v1::ListPoliciesResponse& policies, const TextOptions& options) {
  Table table({{"POLICY"}, {"VALUE"}, {"USUAL"}, {"WHAT IS KEPT BY IT"}}, 3);
  for (const v1::PolicyView& policy : policies.policies()) {
    const std::string value = policy.bytes() > 0 && policy.value() == "auto"
                                  ? fmt::format("auto ({})", FormatBytes(policy.bytes()))
                                  : policy.value();
    table.Add({{policy.name(), Ink::kBold},
               {value, policy.set() ? Ink::kYellow : Ink::kPlain},
               {policy.set() ? policy.usual() : ""},
               {policy.meaning()}});
  }
  return table.Render(options);
}

Json PoliciesJson(const v1::ListPoliciesResponse& policies) {
  Json list = Json::array();
  for (const v1::PolicyView& policy : policies.policies()) {
    Json json = {{"name", policy.name()},
                 {"value", policy.value()},
                 {"usual", policy.usual()},
                 {"set", policy.set()},
                 {"meaning", policy.meaning()}};
    if (policy.bytes() > 0) json["bytes"] = policy.bytes();
    list.push_back(std::move(json));
  }
  return list;
}

std::string RenderPins(const v1::ListPinsResponse& pins, int64_t now, const TextOptions& options) {
  if (pins.pins().empty()) return "no builds are pinned\n";
  Table table({{"BUILD", Table::Align::kRight}, {"PINNED"}, {"BY"}});
  for (const v1::PinView& pin : pins.pins())
    table.Add({{fmt::format("{}", pin.build_id())},
               {FormatAge(pin.pinned_at(), now)},
               {pin.pinned_by().empty() ? "operator" : pin.pinned_by()}});
  return table.Render(options);
}

Json PinsJson(const v1::ListPinsResponse& pins) {
  Json list = Json::array();
  for (const v1::PinView& pin : pins.pins())
    list.push_back({{"build", pin.build_id()},
                    {"pinned_at", FormatRfc3339(pin.pinned_at())},
                    {"pinned_by", pin.pinned_by()}});
  return list;
}

}  // namespace crossmill::cli
