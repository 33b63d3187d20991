#include "coordinator/rebuild/build_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/plan/variation.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kMostLines = 100;
constexpr size_t kMostPairs = 4'000'000;

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// Two texts without the lines that both begin and end with.
struct Middle {
  std::vector<std::string_view> before;
  std::vector<std::string_view> now;
  size_t begin = 0;
};

Middle MiddleOf(std::string_view before, std::string_view now) {
  Middle middle{SplitLines(before), SplitLines(now)};
  auto& [old_lines, new_lines, begin] = middle;
  while (begin < std::min(old_lines.size(), new_lines.size()) && old_lines[begin] == new_lines[begin])
    ++begin;
  while (old_lines.size() > begin && new_lines.size() > begin && old_lines.back() == new_lines.back()) {
    old_lines.pop_back();
    new_lines.pop_back();
  }
  old_lines.erase(old_lines.begin(), old_lines.begin() + static_cast<std::ptrdiff_t>(begin));
  new_lines.erase(new_lines.begin(), new_lines.begin() + static_cast<std::ptrdiff_t>(begin));
  return middle;
}

v1::DockerfileLine Line(size_t before, size_t now, std::string_view text) {
  v1::DockerfileLine line;
  line.set_before(static_cast<uint32_t>(before));
  line.set_now(static_cast<uint32_t>(now));
  line.set_text(std::string(text));
  return line;
}

// By URL or reference, what it meant.
using Pins = std::multimap<std::string, std::string>;

// Values of one name that are on one side only, paired in order.
void AddPinChanges(Pins before, Pins now, google::protobuf::RepeatedPtrField<v1::BaseChange>* changes) {
  for (auto it = before.begin(); it != before.end();) {
    const auto [first, last] = now.equal_range(it->first);
    const auto same = std::find_if(first, last, [&](const auto& pin) { return pin.second == it->second; });
    if (same == last) {
      ++it;
    } else {
      now.erase(same);
      it = before.erase(it);
    }
  }
  for (const auto& [name, value] : before) {
    v1::BaseChange& change = *changes->Add();
    change.set_reference(name);
    change.set_before(value);
    if (const auto other = now.find(name); other != now.end()) {
      change.set_now(other->second);
      now.erase(other);
    }
  }
  for (const auto& [name, value] : now) {
    v1::BaseChange& change = *changes->Add();
    change.set_reference(name);
    change.set_now(value);
  }
}

Pins BasesOf(const BuildInputs& build) {
  std::set<int> used;
  for (const uint32_t stage : build.cell.stages()) {
    if (static_cast<int>(stage) < build.view.stages_size())
      used.insert(build.view.stages(static_cast<int>(stage)).base());
  }
  Pins pins;
  for (const int base : used) {
    if (base < 0 || base >= build.view.bases_size()) continue;
    pins.emplace(build.view.bases(base).reference(), build.view.bases(base).manifest_digest());
  }
  return pins;
}

Pins RemoteSourcesOf(const BuildInputs& build) {
  Pins pins;
  for (const v1::RemoteSource& source : build.view.remote_sources())
    pins.emplace(source.url(), source.digest().empty() ? source.commit() : source.digest());
  return pins;
}

void AddArguments(const v1::Recipe& before, const v1::Recipe& now, v1::BuildChanges* changes) {
  // The last value of a name counts.
  const auto values = [](const v1::Recipe& recipe) {
    std::map<std::string, std::string> map;
    for (const v1::BuildArgument& argument : recipe.build_arguments())
      map[argument.name()] = argument.value();
    return map;
  };
  const auto old_values = values(before);
  const auto new_values = values(now);
  std::set<std::string> names;
  for (const auto& [name, value] : old_values) {
    const auto found = new_values.find(name);
    if (found == new_values.end() || found->second != value) names.insert(name);
  }
  for (const auto& [name, value] : new_values) {
    if (!old_values.contains(name)) names.insert(name);
  }
  for (const std::string& name : names) changes->add_arguments(name);
}

std::string VaryText(const v1::BuildOptions& options) {
  std::string text;
  for (const v1::Aspect aspect : plan::AspectsOf(options)) {
    if (!text.empty()) text += ",";
    text += Word(aspect);
  }
  return text.empty() ? "none" : text;
}

std::string NetworkText(const v1::BuildOptions& options) {
  std::string text(Word(options.network() == v1::NETWORK_MODE_UNSPECIFIED ? v1::NETWORK_MODE_RECORDED
                                                                          : options.network()));
  if (options.offline()) text += ", offline";
  if (options.has_exclude_newer()) text += fmt::format(", nothing from {} on", options.exclude_newer());
  return text;
}

std::string NormalizeText(const v1::BuildOptions& options) {
  std::string text;
  for (const std::string& rule : options.normalize()) text += (text.empty() ? "" : ",") + rule;
  return text.empty() ? "none" : text;
}

std::string RunSettings(const v1::BuildOptions& options) {
  std::string text;
  for (const std::string& host : options.extra_hosts()) text += host + ";";
  for (const v1::Ulimit& limit : options.ulimits())
    text += fmt::format("{}={}:{};", limit.name(), limit.soft(), limit.hard());
  return fmt::format("{}shm {}", text, options.shm_size());
}

void AddOthers(const BuildInputs& before, const BuildInputs& now, v1::BuildChanges* changes) {
  const auto compare = [&](std::string_view what, const std::string& old_value,
                           const std::string& new_value) {
    if (old_value != new_value)
      changes->add_others(fmt::format("{}: {}, was {}", what, new_value, old_value));
  };
  const v1::BuildOptions& old_options = before.submission.options();
  const v1::BuildOptions& new_options = now.submission.options();
  // A build that failed in planning has no epoch.
  if (before.view.epoch() != 0 && now.view.epoch() != 0)
    compare("epoch", std::to_string(before.view.epoch()), std::to_string(now.view.epoch()));
  compare("keep times", old_options.keep_times() ? "yes" : "no", new_options.keep_times() ? "yes" : "no");
  compare("network", NetworkText(old_options), NetworkText(new_options));
  compare("variations", VaryText(old_options), VaryText(new_options));
  compare("normalized", NormalizeText(old_options), NormalizeText(new_options));
  compare("settings of steps", RunSettings(old_options), RunSettings(new_options));
  compare("executions wanted", std::to_string(std::max(old_options.verify(), 1u)),
          std::to_string(std::max(new_options.verify(), 1u)));
  const auto version = [](const v1::BuildView& view) {
    return view.farm_version().empty() ? std::string("unknown") : view.farm_version();
  };
  compare("farm version", version(before.view), version(now.view));
  compare("emulated", before.cell.emulated() ? "yes" : "no", now.cell.emulated() ? "yes" : "no");
}

}  // namespace

std::vector<v1::DockerfileLine> DiffLines(std::string_view before, std::string_view now) {
  const auto [old_lines, new_lines, begin] = MiddleOf(before, now);
  const size_t rows = old_lines.size();
  const size_t columns = new_lines.size();
  std::vector<v1::DockerfileLine> lines;
  const auto gone = [&, begin = begin, &old_lines = old_lines](size_t i) {
    lines.push_back(Line(begin + i + 1, 0, old_lines[i]));
  };
  const auto added = [&, begin = begin, &new_lines = new_lines](size_t j) {
    lines.push_back(Line(0, begin + j + 1, new_lines[j]));
  };
  if (rows * columns > kMostPairs) {
    for (size_t i = 0; i < rows; ++i) gone(i);
    for (size_t j = 0; j < columns; ++j) added(j);
    return lines;
  }
  // Length of the longest common subsequence of what follows.
  std::vector<uint32_t> common((rows + 1) * (columns + 1), 0);
  const auto at = [&](size_t i, size_t j) -> uint32_t& { return common[i * (columns + 1) + j]; };
  for (size_t i = rows; i-- > 0;) {
    for (size_t j = columns; j-- > 0;) {
      at(i, j) = old_lines[i] == new_lines[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  size_t i = 0;
  size_t j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && old_lines[i] == new_lines[j]) {
      ++i;
      ++j;
    } else if (j == columns || (i < rows && at(i + 1, j) >= at(i, j + 1))) {
      gone(i++);
    } else {
      added(j++);
    }
  }
  return lines;
}

v1::BuildChanges CompareInputs(const BuildInputs& before, const BuildInputs& now) {
  v1::BuildChanges changes;
  const bool planned = !before.view.stages().empty() && !now.view.stages().empty();
  if (planned) {
    AddPinChanges(BasesOf(before), BasesOf(now), changes.mutable_bases());
    AddPinChanges(RemoteSourcesOf(before), RemoteSourcesOf(now), changes.mutable_remote_sources());
  }
  const auto lines = DiffLines(before.submission.recipe().dockerfile(), now.submission.recipe().dockerfile());
  changes.set_lines_total(static_cast<uint32_t>(lines.size()));
  for (size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) *changes.add_lines() = lines[i];
  AddArguments(before.submission.recipe(), now.submission.recipe(), &changes);
  AddOthers(before, now, &changes);
  return changes;
}

}  // namespace crossmill::coordinator
