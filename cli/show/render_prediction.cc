#include "cli/show/render_prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "common/words/words.h"

namespace crossmill::cli {
namespace {

using Packages = std::vector<const v1::PredictedPackage*>;

Ink InkOfPrediction(std::string_view word) {
  return word == "wheel"   ? Ink::kGreen
         : word == "none"  ? Ink::kRed
         : word == "there" ? Ink::kDim
                           : Ink::kYellow;
}

const std::string& NameOf(const v1::PredictedPackage& package) {
  return package.name().empty() ? package.location() : package.name();
}

// "manylinux_2_28" of "numpy-2.1.0-cp311-cp311-manylinux_2_28_x86_64.whl": the platform without the
// architecture, which the column says.
std::string PlatformOfWheel(std::string_view file_name) {
  if (!file_name.ends_with(".whl")) return "";
  file_name.remove_suffix(4);
  std::string_view platform = file_name.substr(file_name.rfind('-') + 1);
  platform = platform.substr(0, platform.find('.'));
  if (platform.starts_with("linux_")) return "linux";
  if (platform.starts_with("manylinux_") || platform.starts_with("musllinux_")) {
    size_t at = platform.find('_');
    for (int i = 0; i < 2 && at != platform.npos; ++i) at = platform.find('_', at + 1);
    return std::string(platform.substr(0, at));
  }
  return std::string(platform.substr(0, platform.find('_')));
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

void AddOnce(const std::string& text, std::vector<std::string>& texts) {
  if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
}

// Each text once, with the platforms that it is about, in the order of the platforms.
class Grouped {
 public:
  void Add(const std::string& text, const std::string& platform) {
    auto found =
        std::find_if(groups_.begin(), groups_.end(), [&](const auto& one) { return one.first == text; });
    if (found == groups_.end()) found = groups_.insert(groups_.end(), {text, {}});
    AddOnce(platform, found->second);
  }
  const std::vector<std::pair<std::string, std::vector<std::string>>>& groups() const { return groups_; }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> groups_;
};

std::string PlaceOfStep(const v1::PredictedStep& step) {
  std::string place = fmt::format("line {}", step.line());
  if (!step.runs_on().empty()) place += fmt::format(" (on {})", Printable(step.runs_on()));
  return place;
}

using InstallVisitor =
    std::function<void(const v1::PlatformPrediction&, const v1::PredictedStep&, const v1::PredictedInstall&)>;

void EachInstall(const v1::Prediction& prediction, const InstallVisitor& visit) {
  for (const v1::PlatformPrediction& platform : prediction.platforms()) {
    for (const v1::PredictedStep& step : platform.steps()) {
      for (const v1::PredictedInstall& install : step.installs()) visit(platform, step, install);
    }
  }
}

class ForecastText {
 public:
  ForecastText(const v1::Forecast& forecast, const TextOptions& options)
      : forecast_(forecast), options_(options) {}

  std::string Render() {
    Collect();
    std::string text = Matrix();
    for (const std::string& section : {Reasons(), Failures(), Unknown(), Doubts(), Notes()}) {
      if (!section.empty()) text += (text.empty() ? "" : "\n") + section;
    }
    return text.empty() ? "no step is seen to install Python packages\n" : text;
  }

 private:
  using Key = std::pair<bool, std::string>;

  void Collect() {
    EachInstall(forecast_.prediction(), [this](const auto& platform, const auto& step,
                                               const v1::PredictedInstall& install) {
      if (!step.runs_on().empty()) return;
      for (const v1::PredictedPackage& package : install.packages())
        packages_[{package.scope() != "runtime", NameOf(package)}][platform.platform()].push_back(&package);
    });
  }

  // The one of several that decides what the cell shows: the worst.
  static const v1::PredictedPackage& Worst(const Packages& packages) {
    const auto badness = [](const v1::PredictedPackage* package) {
      const std::string_view word = PredictedWord(*package);
      return word == "none" ? 3 : word == "wheel" ? 1 : word == "there" ? 0 : 2;
    };
    return **std::max_element(packages.begin(), packages.end(),
                              [&](const auto* a, const auto* b) { return badness(a) < badness(b); });
  }

  Table::Cell CellOf(const v1::PredictedPackage& package, bool with_version) const {
    const std::string_view word = PredictedWord(package);
    std::string text(word);
    if (package.certainty() == v1::CERTAINTY_DOUBTFUL) text += "?";
    if (with_version && !package.version().empty()) text += " " + Printable(package.version());
    if (const std::string platform = PlatformOfWheel(package.file_name());
        word == "wheel" && !platform.empty())
      text += " " + Printable(platform);
    return {text, InkOfPrediction(word)};
  }

  std::string Matrix() const {
    if (packages_.empty()) return "";
    std::vector<Table::Column> columns = {{"PACKAGE"}, {"VERSION"}};
    for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms())
      columns.push_back({platform.platform()});
    Table table(columns);
    for (const auto& [key, cells] : packages_) {
      std::set<std::string> versions;
      for (const auto& [platform, packages] : cells) {
        for (const v1::PredictedPackage* package : packages) {
          if (!package->version().empty()) versions.insert(package->version());
        }
      }
      std::vector<Table::Cell> row = {
          {Printable(key.second) + (key.first ? " (build-dep)" : ""), key.first ? Ink::kDim : Ink::kBold},
          {versions.size() == 1 ? Printable(*versions.begin())
           : versions.empty()   ? "-"
                                : "several"}};
      for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms()) {
        const auto found = cells.find(platform.platform());
        if (found == cells.end()) {
          row.push_back({"-", Ink::kDim});
        } else {
          row.push_back(CellOf(Worst(found->second), versions.size() > 1));
        }
      }
      table.Add(std::move(row));
    }
    return table.Render(options_) + Counts();
  }

  // "linux/arm64  12 wheels, 2 from source"
  std::string Counts() const {
    std::string text = "\n";
    for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms()) {
      std::map<std::string_view, int> counts;
      for (const auto& [key, cells] : packages_) {
        const auto found = cells.find(platform.platform());
        if (!key.first && found != cells.end()) ++counts[PredictedWord(Worst(found->second))];
      }
      std::vector<std::string> parts;
      for (const auto& [word, count] : counts) {
        if (word == "wheel" || word == "source") continue;
        parts.push_back(fmt::format("{} {}", count, word));
      }
      parts.insert(parts.begin(), {fmt::format("{} as wheel", counts["wheel"]),
                                   fmt::format("{} from source", counts["source"])});
      text += platform.failure().empty() ? fmt::format("{}  {}\n", platform.platform(), Joined(parts))
                                         : fmt::format("{}  not known\n", platform.platform());
    }
    return text;
  }

  // What was compiled here before, for one platform.
  std::string PastOf(const v1::PredictedPackage& package, const std::string& platform) const {
    std::vector<std::string> times;
    for (const v1::PastCompile& past : forecast_.past_compiles()) {
      if (past.name() != package.name() || past.version() != package.version() || past.platform() != platform)
        continue;
      times.push_back(fmt::format("{} ({}, build {})", FormatSeconds(past.seconds()),
                                  past.emulated() ? "emulated" : "native", past.build_id()));
    }
    return times.empty()
               ? ""
               : fmt::format("    compiled on this farm for {}: last time in {}\n", platform, Joined(times));
  }

  // Why what is no wheel is none: per package, and there per reasons.
  std::string Reasons() const {
    std::string text;
    for (const auto& [key, cells] : packages_) {
      Grouped reasons;
      std::string past;
      for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms()) {
        const auto found = cells.find(platform.platform());
        if (found == cells.end()) continue;
        for (const v1::PredictedPackage* package : found->second) {
          if (package->reasons().empty() && package->help().empty()) continue;
          reasons.Add(ReasonOf(*package), platform.platform());
        }
        past += PastOf(Worst(found->second), platform.platform());
      }
      if (reasons.groups().empty() && past.empty()) continue;
      text += Paint(Printable(key.second), Ink::kBold, options_.colour) + (key.first ? " (build-dep)" : "") +
              "\n";
      for (const auto& [reason, platforms] : reasons.groups())
        text += fmt::format("  {}\n{}", Joined(platforms), reason);
      text += past;
    }
    return text;
  }

  std::string ReasonOf(const v1::PredictedPackage& package) const {
    std::string text =
        "    " + Paint(PredictedWord(package), InkOfPrediction(PredictedWord(package)), options_.colour);
    if (!package.version().empty()) text += " " + Printable(package.version());
    if (!package.needed_by().empty()) text += ", to build " + Printable(package.needed_by());
    text += "\n";
    for (const v1::PredictedReason& reason : package.reasons())
      text += fmt::format("    {}\n", Printable(reason.sentence()));
    for (const std::string& help : package.help()) text += fmt::format("    → {}\n", Printable(help));
    return text;
  }

  std::string Failures() const {
    Grouped failures;
    for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms()) {
      if (!platform.failure().empty())
        failures.Add(fmt::format("nothing is known: {}", Printable(platform.failure())), platform.platform());
    }
    EachInstall(forecast_.prediction(), [&](const auto& platform, const auto& step,
                                            const v1::PredictedInstall& install) {
      if (install.solved() || install.unknown()) return;
      std::string text = fmt::format("{}: {} fails", PlaceOfStep(step), Printable(install.source()));
      for (const std::string& line : install.failure()) text += "\n    " + Printable(line);
      failures.Add(text, platform.platform());
    });
    return Section(failures, "✗", Ink::kRed);
  }

  std::string Unknown() const {
    Grouped unknown;
    for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms()) {
      for (const v1::PredictedStep& step : platform.steps()) {
        for (const v1::PredictedGap& gap : step.gaps()) {
          unknown.Add(fmt::format("{}: {}\n    not predicted: {}", PlaceOfStep(step), Printable(gap.source()),
                                  Printable(gap.why())),
                      platform.platform());
        }
        for (const v1::PredictedInstall& install : step.installs()) {
          if (!install.unknown()) continue;
          std::string text =
              fmt::format("{}: {}\n    not predicted:", PlaceOfStep(step), Printable(install.source()));
          for (const std::string& line : install.failure()) text += " " + Printable(line);
          unknown.Add(text, platform.platform());
        }
      }
    }
    return Section(unknown, "?", Ink::kYellow);
  }

  // What single packages hang on, each once with their names; then what whole steps do.
  std::string Doubts() const {
    std::map<std::string, std::pair<std::vector<std::string>, std::vector<std::string>>> packages;
    for (const auto& [key, cells] : packages_) {
      for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms()) {
        const auto found = cells.find(platform.platform());
        if (found == cells.end()) continue;
        for (const v1::PredictedPackage* package : found->second) {
          for (const std::string& doubt : package->doubts()) {
            auto& [names, platforms] = packages[doubt];
            AddOnce(Printable(key.second), names);
            AddOnce(platform.platform(), platforms);
          }
        }
      }
    }
    Grouped doubts;
    for (const auto& [doubt, where] : packages) {
      for (const std::string& platform : where.second)
        doubts.Add(fmt::format("{}\n    {}", Joined(where.first), Printable(doubt)), platform);
    }
    for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms()) {
      for (const v1::PredictedStep& step : platform.steps()) {
        for (const std::string& doubt : step.doubts())
          doubts.Add(fmt::format("{} may come out otherwise: {}", PlaceOfStep(step), Printable(doubt)),
                     platform.platform());
      }
    }
    return Section(doubts, "?", Ink::kYellow);
  }

  std::string Notes() const {
    Grouped notes;
    EachInstall(forecast_.prediction(), [&](const auto& platform, const auto& step,
                                            const v1::PredictedInstall& install) {
      if (install.conditional())
        notes.Add(fmt::format("{}: {} may not run", PlaceOfStep(step), Printable(install.source())),
                  platform.platform());
      for (const std::string& note : install.notes())
        notes.Add(fmt::format("{}: {}", PlaceOfStep(step), Printable(note)), platform.platform());
    });
    for (const v1::PlatformPrediction& platform : forecast_.prediction().platforms()) {
      for (const v1::PredictedStep& step : platform.steps()) {
        for (const v1::PredictionDifference& difference : step.cached_differences()) {
          notes.Add(fmt::format("{}: a build takes its result from the step cache (--no-cache executes it "
                                "anew): {}",
                                PlaceOfStep(step), Printable(difference.sentence())),
                    platform.platform());
        }
      }
    }
    std::string text = Section(notes, "·", Ink::kDim);
    for (const std::string& note : forecast_.notes()) text += fmt::format("· {}\n", Printable(note));
    return text;
  }

  std::string Section(const Grouped& grouped, std::string_view mark, Ink ink) const {
    std::string text;
    for (const auto& [what, platforms] : grouped.groups())
      text += fmt::format("{} {}  {}\n", Paint(mark, ink, options_.colour), Joined(platforms), what);
    return text;
  }

  const v1::Forecast& forecast_;
  const TextOptions& options_;
  // Runtime first, then by name; by platform.
  std::map<Key, std::map<std::string, Packages>> packages_;
};

// One step of a build: predicted and observed by scope and name.
class BesideTable {
 public:
  BesideTable()
      : table_(
            {{"PLATFORM"}, {"LINE", Table::Align::kRight}, {"PACKAGE"}, {"PREDICTED"}, {"OBSERVED"}, {""}}) {}

  void Add(const v1::PredictedStep* predicted, const v1::ObservedStep& observed) {
    std::map<std::pair<bool, std::string>, std::pair<const v1::PredictedPackage*, Outcomes>> rows;
    if (predicted != nullptr) {
      for (const v1::PredictedInstall& install : predicted->installs()) {
        for (const v1::PredictedPackage& package : install.packages())
          rows[{package.scope() == "build-dep", NameOf(package)}].first = &package;
      }
    }
    for (const v1::PackageOutcome& outcome : observed.packages())
      rows[{outcome.scope() == "build-dep", outcome.name()}].second.push_back(&outcome);
    for (const auto& [key, row] : rows) AddRow(key, row.first, row.second, observed);
  }

  std::string Render(const TextOptions& options) const {
    return table_.empty() ? "" : table_.Render(options);
  }

 private:
  using Outcomes = std::vector<const v1::PackageOutcome*>;

  void AddRow(const std::pair<bool, std::string>& key, const v1::PredictedPackage* predicted,
              const Outcomes& outcomes, const v1::ObservedStep& observed) {
    std::string before = "-";
    Ink ink = Ink::kDim;
    if (predicted != nullptr) {
      const std::string_view word = PredictedWord(*predicted);
      before = fmt::format("{}{} {}", word, predicted->certainty() == v1::CERTAINTY_DOUBTFUL ? "?" : "",
                           Printable(predicted->version()));
      ink = InkOfPrediction(word);
    }
    std::string after;
    for (const v1::PackageOutcome* outcome : outcomes) {
      after += fmt::format("{}{} {}", after.empty() ? "" : ", ", Word(outcome->outcome()),
                           Printable(outcome->version()));
    }
    if (after.empty()) after = observed.executed() ? "-" : "not executed";
    table_.Add(
        {{observed.platform(), Ink::kDim},
         {fmt::format("{}", observed.line()), Ink::kDim},
         {Printable(key.second) + (key.first ? " (build-dep)" : ""), key.first ? Ink::kDim : Ink::kBold},
         {before, ink},
         {after},
         Mark(key, predicted, outcomes, observed)});
  }

  static Table::Cell Mark(const std::pair<bool, std::string>& key, const v1::PredictedPackage* predicted,
                          const Outcomes& outcomes, const v1::ObservedStep& observed) {
    if (!observed.executed()) return {};
    for (const v1::PredictionDifference& difference : observed.differences()) {
      if (difference.name() != key.second || (difference.scope() == "build-dep") != key.first) continue;
      return difference.was_doubtful() ? Table::Cell{"≠ (it was doubtful)", Ink::kYellow}
                                       : Table::Cell{"≠", Ink::kRed};
    }
    // Nothing came: that is as predicted where something stays as it is, or fails.
    const bool nothing =
        predicted != nullptr && (predicted->present() || PredictedWord(*predicted) == "none");
    return outcomes.empty() && !nothing ? Table::Cell{} : Table::Cell{"=", Ink::kGreen};
  }

  Table table_;
};

}  // namespace

std::string_view PredictedWord(const v1::PredictedPackage& package) {
  if (package.present()) return "there";
  switch (package.outcome()) {
    case v1::OUTCOME_FAILED:
      return "none";
    case v1::OUTCOME_UNSPECIFIED:
      return "unknown";
    default:
      return Word(package.outcome());
  }
}

std::string RenderForecast(const v1::Forecast& forecast, const TextOptions& options) {
  return ForecastText(forecast, options).Render();
}

std::string RenderPredictedBeside(const v1::Forecast& forecast, const TextOptions& options) {
  BesideTable table;
  std::string differences;
  int equal = 0;
  int compared = 0;
  for (const v1::ObservedStep& observed : forecast.observed()) {
    const v1::PredictedStep* predicted = nullptr;
    for (const v1::PlatformPrediction& platform : forecast.prediction().platforms()) {
      if (platform.platform() != observed.platform()) continue;
      for (const v1::PredictedStep& step : platform.steps()) {
        if (step.line() == observed.line() && step.step_number() == observed.step_number() &&
            step.stage() == observed.stage())
          predicted = &step;
      }
    }
    table.Add(predicted, observed);
    if (!observed.executed()) continue;
    ++compared;
    equal += observed.differences().empty() ? 1 : 0;
    for (const v1::PredictionDifference& difference : observed.differences()) {
      differences +=
          fmt::format("{} {}  line {}: {}{}\n",
                      Paint("≠", difference.was_doubtful() ? Ink::kYellow : Ink::kRed, options.colour),
                      observed.platform(), observed.line(), Printable(difference.sentence()),
                      difference.was_doubtful() ? " It had been called doubtful." : "");
    }
  }
  std::string text = table.Render(options);
  if (compared == 0)
    return text + fmt::format("{}no step of build {} that installs Python packages has a result\n",
                              text.empty() ? "" : "\n", forecast.build_id());
  text += fmt::format(
      "{}build {}: {} of {} steps came as predicted from the plan, and the package index as it was when the "
      "build was submitted\n",
      text.empty() ? "" : "\n", forecast.build_id(), equal, compared);
  return text + differences;
}

bool PredictsFailure(const v1::Forecast& forecast) {
  bool fails = false;
  for (const v1::PlatformPrediction& platform : forecast.prediction().platforms())
    fails = fails || !platform.failure().empty();
  EachInstall(forecast.prediction(), [&](const auto&, const auto&, const v1::PredictedInstall& install) {
    // What may not run is no failure of the build.
    if (install.conditional()) return;
    fails = fails || (!install.solved() && !install.unknown());
    for (const v1::PredictedPackage& package : install.packages())
      fails = fails || PredictedWord(package) == "none";
  });
  return fails;
}

bool HasCertainDifference(const v1::Forecast& forecast) {
  for (const v1::ObservedStep& observed : forecast.observed()) {
    for (const v1::PredictionDifference& difference : observed.differences()) {
      if (!difference.was_doubtful()) return true;
    }
  }
  return false;
}

}  // namespace crossmill::cli
