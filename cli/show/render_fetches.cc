#include "cli/show/render_fetches.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "cli/show/csv.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

// The report shows those that were asked most.
constexpr size_t kMostHosts = 12;

std::string PlaceOf(const v1::Fetch& fetch) {
  if (!fetch.url().empty()) return Printable(fetch.url());
  return fetch.host().empty() ? "-" : fmt::format("{}:{}", Printable(fetch.host()), fetch.port());
}

std::string RemarkOf(const v1::Fetch& fetch) {
  if (!fetch.refused_by().empty()) return fmt::format("refused: {}", Printable(fetch.refused_by()));
  if (fetch.error().empty() && fetch.from_farm()) return "from the farm";
  return Printable(fetch.error());
}

std::string HostName(const std::string& host) { return host.empty() ? "(others)" : Printable(host); }

// How many fetches of a host are not in the list: by host.
std::map<std::string, int64_t> Unlisted(absl::Span<const v1::FetchRow> rows,
                                        absl::Span<const v1::FetchHostRow> hosts) {
  std::map<std::string, int64_t> left;
  for (const v1::FetchHostRow& row : hosts) left[row.host().host()] += row.host().fetches();
  for (const v1::FetchRow& row : rows) left[row.fetch().host()] -= row.fetch().from_farm() ? 0 : 1;
  std::erase_if(left, [](const auto& entry) { return entry.second <= 0; });
  return left;
}

}  // namespace

std::string RenderFetches(absl::Span<const v1::FetchRow> rows, absl::Span<const v1::FetchHostRow> hosts,
                          const TextOptions& options) {
  if (rows.empty() && hosts.empty()) return "no fetches on record for this build\n";
  Table table({{"PLATFORM"},
               {"STEP"},
               {"METHOD"},
               {"WHAT"},
               {"STATUS", Table::Align::kRight},
               {"SIZE", Table::Align::kRight},
               {"TIME", Table::Align::kRight},
               {"SHA256"},
               {""}},
              3);
  for (const v1::FetchRow& row : rows) {
    const v1::Fetch& fetch = row.fetch();
    const bool bad = !fetch.refused_by().empty() || !fetch.error().empty();
    table.Add({{FormatPlatform(row.platform()), Ink::kDim},
               {fmt::format("{} {}", Printable(row.stage_name()), row.step_number()), Ink::kDim},
               {Printable(fetch.method())},
               {PlaceOf(fetch)},
               {fetch.status() == 0 ? "-" : fmt::format("{}", fetch.status()),
                bad || fetch.status() >= 400 ? Ink::kYellow : Ink::kPlain},
               {FormatBytes(fetch.bytes_up() + fetch.bytes_down())},
               {FormatSeconds(fetch.seconds())},
               {Printable(fetch.sha256().substr(0, 12)), Ink::kDim},
               {RemarkOf(fetch), bad ? Ink::kRed : Ink::kPlain}});
  }
  std::string result = table.empty() ? "" : table.Render(options);
  for (const auto& [host, count] : Unlisted(rows, hosts)) {
    result += fmt::format("and {} more of {}\n", count, HostName(host));
  }
  return result;
}

std::string FetchesCsv(absl::Span<const v1::FetchRow> rows) {
  std::string result =
      "platform,stage,step,kind,method,scheme,host,port,url,status,bytes_up,bytes_down,sha256,started_at,"
      "seconds,"
      "refused_by,error,project,file_name,from_farm\r\n";
  for (const v1::FetchRow& row : rows) {
    const v1::Fetch& fetch = row.fetch();
    result += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:.6f},{},{},{},{},{}\r\n", FormatPlatform(row.platform()),
        CsvField(row.stage_name()), row.step_number(), Word(fetch.kind()), CsvField(fetch.method()),
        CsvField(fetch.scheme()), CsvField(fetch.host()), fetch.port(), CsvField(fetch.url()), fetch.status(),
        fetch.bytes_up(), fetch.bytes_down(), CsvField(fetch.sha256()), FormatRfc3339(fetch.started_at()),
        fetch.seconds(), CsvField(fetch.refused_by()), CsvField(fetch.error()), CsvField(fetch.project()),
        CsvField(fetch.file_name()), fetch.from_farm() ? "yes" : "no");
  }
  return result;
}

std::string RenderCellFetches(const v1::CellView& cell, absl::Span<const v1::FetchHostRow> hosts,
                              const TextOptions& options) {
  std::map<std::string, v1::HostFetches> sums;
  int64_t fetches = 0;
  int64_t bytes = 0;
  for (const v1::FetchHostRow& row : hosts) {
    if (std::find(cell.stages().begin(), cell.stages().end(), row.stage()) == cell.stages().end()) continue;
    v1::HostFetches& sum = sums[row.host().host()];
    sum.set_fetches(sum.fetches() + row.host().fetches());
    sum.set_refused(sum.refused() + row.host().refused());
    sum.set_bytes_up(sum.bytes_up() + row.host().bytes_up());
    sum.set_bytes_down(sum.bytes_down() + row.host().bytes_down());
    fetches += row.host().fetches();
    bytes += row.host().bytes_up() + row.host().bytes_down();
  }
  if (sums.empty()) return "";
  std::vector<std::pair<std::string, v1::HostFetches>> order(sums.begin(), sums.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.fetches() > b.second.fetches(); });
  Table table({{"host"}, {"fetches", Table::Align::kRight}, {"size", Table::Align::kRight}, {""}}, 0);
  for (size_t i = 0; i < std::min(order.size(), kMostHosts); ++i) {
    const v1::HostFetches& host = order[i].second;
    table.Add({{HostName(order[i].first)},
               {fmt::format("{}", host.fetches())},
               {FormatBytes(host.bytes_up() + host.bytes_down())},
               {host.refused() == 0 ? "" : fmt::format("{} refused", host.refused()), Ink::kRed}});
  }
  std::string result = fmt::format("  fetched   {} from {} {}, {}\n", fetches, order.size(),
                                   order.size() == 1 ? "host" : "hosts", FormatBytes(bytes)) +
                       table.Render(options, 4);
  if (order.size() > kMostHosts) result += fmt::format("    and {} more hosts\n", order.size() - kMostHosts);
  return result;
}

}  // namespace crossmill::cli
