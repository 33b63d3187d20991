#include "cli/show/render_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/show/exit_codes.h"
#include "cli/show/render_build.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

template <typename Platforms>
std::string PlatformList(const Platforms& platforms) {
  std::string result;
  for (const v1::Platform& platform : platforms) {
    result += (result.empty() ? "" : ", ") + FormatPlatform(platform);
  }
  return result;
}

}  // namespace

std::string RenderBuilds(absl::Span<const v1::BuildView> builds, int64_t now, const TextOptions& options) {
  if (builds.empty()) return "no builds yet\n";
  Table table({{"BUILD", Table::Align::kRight},
               {"STATUS"},
               {"CREATED"},
               {"TIME", Table::Align::kRight},
               {"PLATFORMS"},
               {"VERDICT"},
               {"TAGS"}},
              6);
  for (const v1::BuildView& build : builds) {
    const int64_t end = build.finished_at() != 0 ? build.finished_at() : now;
    const v1::Verdict verdict = OverallVerdict(build);
    std::string tags;
    for (const std::string& tag : NamesSetBy(build)) tags += (tags.empty() ? "" : ", ") + tag;
    if (build.has_matrix()) {
      tags += fmt::format("{}m{}: {}", tags.empty() ? "" : "; ", build.matrix().matrix(),
                          FormatCombination(build.matrix()));
    }
    if (build.has_rebuild()) tags = fmt::format("rebuild of {}", build.rebuild().build());
    std::string platforms = PlatformList(build.options().platforms());
    if (platforms.empty()) {
      for (const v1::CellView& cell : build.cells()) {
        platforms += (platforms.empty() ? "" : ", ") + FormatPlatform(cell.platform());
      }
    }
    table.Add({{std::to_string(build.id()), Ink::kBold},
               {fmt::format("{} {}", Glyph(build.status()), Word(build.status())), InkOf(build.status())},
               {FormatAge(build.created_at(), now)},
               {FormatSeconds(static_cast<double>(end - build.created_at()) / 1e9)},
               {platforms},
               {IsFinished(build.status()) ? fmt::format("{} {}", Glyph(verdict), Word(verdict)) : "",
                InkOf(verdict)},
               {tags}});
  }
  return table.Render(options);
}

std::string RenderWorkers(absl::Span<const v1::WorkerView> workers, int64_t now, const TextOptions& options) {
  if (workers.empty()) return "no workers have ever connected\n";
  Table table({{"WORKER"},
               {"STATE"},
               {"SLOTS", Table::Align::kRight},
               {"PLATFORMS"},
               {"POOL"},
               {"HOST"},
               {"CPU"},
               {"RUNTIME"},
               {"OUTVOTED", Table::Align::kRight},
               {"TASKS"}},
              6);
  for (const v1::WorkerView& worker : workers) {
    const v1::WorkerInfo& info = worker.info();
    std::string platforms;
    for (const v1::PlatformSupport& support : info.platforms()) {
      platforms += (platforms.empty() ? "" : ", ") + FormatPlatform(support.platform());
      if (support.emulated()) platforms += " (emulated)";
    }
    std::string tasks;
    for (const std::string& task : worker.tasks()) tasks += (tasks.empty() ? "" : ", ") + task;
    Table::Cell state = {"connected", Ink::kGreen};
    if (worker.cordoned()) state = {"cordoned", Ink::kYellow};
    if (worker.draining()) state = {worker.drained() ? "drained" : "draining", Ink::kYellow};
    if (!worker.unfit().empty()) state = {"unfit", Ink::kRed};
    if (worker.distrusted()) state = {"distrusted", Ink::kRed};
    if (!worker.connected()) {
      state = {fmt::format("lost {}{}", FormatAge(worker.last_seen(), now),
                           worker.distrusted() ? ", distrusted"
                           : worker.drained()  ? ", drained"
                           : worker.cordoned() ? ", cordoned"
                                               : ""),
               Ink::kRed};
    }
    if (worker.untrue_reports() > 0)
      state = {fmt::format("{}, {} untrue reports", state.text, worker.untrue_reports()), Ink::kRed};
    table.Add(
        {{info.name(), Ink::kBold},
         state,
         {fmt::format("{}/{}", worker.slots_used(), info.slots())},
         {platforms},
         {info.pool()},
         {info.host_name()},
         {fmt::format("{} × {}", info.cpus(), Printable(info.cpu_model()))},
         {info.runtime()},
         worker.outvoted() > 0 ? Table::Cell{fmt::format("{}", worker.outvoted()), Ink::kRed} : Table::Cell{},
         {tasks}});
  }
  std::string text = table.Render(options);
  for (const v1::WorkerView& worker : workers) {
    if (worker.unfit().empty()) continue;
    text += fmt::format(
        "{} gets no new tasks: {}{}\n", Printable(worker.info().name()), Printable(worker.unfit()),
        worker.unfit_until() == 0
            ? ""
            : fmt::format(
                  "; it is tried again in {}",
                  FormatSeconds(std::max<double>(0, static_cast<double>(worker.unfit_until() - now) / 1e9))));
  }
  return text;
}

std::string RenderDistrust(std::string_view worker, const v1::DistrustWorkerResponse& response) {
  std::string text = fmt::format(
      "{} is distrusted: {} results and {} exports are reused no more, and it gets no tasks until `crossmill "
      "trust "
      "{}`\n",
      Printable(worker), response.results(), response.exports(), Printable(worker));
  if (response.builds().empty()) return text + "no build has anything of it\n";
  text += fmt::format("{} builds have something of it; build anew what matters:\n", response.builds_size());
  for (const v1::ReachedBuild& build : response.builds()) {
    text += fmt::format("  build {} ({})", build.id(), Word(build.status()));
    for (const std::string& tag : build.tags()) text += " " + Printable(tag);
    text += "\n";
  }
  for (const std::string& image : response.images()) text += fmt::format("  image {}\n", Printable(image));
  return text;
}

std::string RenderImages(absl::Span<const v1::ImageView> images, int64_t now, const TextOptions& options) {
  if (images.empty()) return "no images yet\n";
  Table table({{"NAME"}, {"DIGEST"}, {"PLATFORMS"}, {"SIZE", Table::Align::kRight}, {"CREATED"}, {"ORIGIN"}},
              0);
  for (const v1::ImageView& image : images) {
    table.Add({{image.name(), Ink::kBold},
               {image.digest().substr(0, 19)},
               {PlatformList(image.platforms())},
               {FormatBytes(image.size_bytes())},
               {FormatAge(image.created_at(), now)},
               {image.origin() + (image.stand_in() ? ", stand-in" : "")}});
  }
  return table.Render(options);
}

std::string RenderFarmWheels(absl::Span<const v1::FarmWheelView> wheels, bool more, int64_t now,
                             const TextOptions& options) {
  if (wheels.empty()) return "no wheels yet: the farm keeps what it compiles ahead of an install\n";
  Table table({{"ID", Table::Align::kRight},
               {"WHEEL"},
               {"PLATFORM"},
               {"SIZE", Table::Align::kRight},
               {"COMPILED IN", Table::Align::kRight},
               {"BUILD", Table::Align::kRight},
               {"WHEN"},
               {"OFFERED"}},
              1);
  for (const v1::FarmWheelView& view : wheels) {
    const v1::FarmWheel& wheel = view.wheel();
    table.Add(
        {{fmt::format("{}", view.id()), Ink::kBold},
         {Printable(wheel.file_name())},
         {view.platform()},
         {FormatBytes(wheel.file().size_bytes())},
         {FormatSeconds(wheel.seconds()) + (wheel.emulated() ? " emulated" : "")},
         {fmt::format("{}", wheel.build())},
         {FormatAge(view.compiled_at(), now)},
         {view.uses() == 0 ? "never"
                           : fmt::format("{} times, {}", view.uses(), FormatAge(view.used_at(), now))}});
  }
  return table.Render(options) + (more ? "there are more: --limit\n" : "");
}

}  // namespace crossmill::cli
