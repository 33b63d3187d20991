// The events of a build, shown on stderr while it runs: live on a terminal, as plain lines, as lines of JSON,
// or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/show/build_model.h"
#include "cli/show/console_lines.h"
#include "cli/show/text.h"
#include "common/base/clock.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// Note and Activity are thread safe; everything else is called from one thread.
class Progress {
 public:
  virtual ~Progress() = default;
  // Something before or beside the build: "context: 12 files".
  virtual void Note(std::string_view text) = 0;
  // A passing state that the next one replaces: "uploading 3/12".
  virtual void Activity(std::string_view text) = 0;
  // `model` has already applied the event.
  virtual void OnEvent(const v1::BuildEvent& event, const BuildModel& model) = 0;
  // A console chunk as it came, before its lines; may come again after a lost connection.
  virtual void OnLog(const v1::WatchedLog&, const BuildModel&) {}
  virtual void OnLine(const ConsoleLine& line, const BuildModel& model) = 0;
  // A pull or download that planning waits for has come so far.
  virtual void OnPlanning(const v1::PlanningProgress&, const BuildModel&) {}
  // Nothing comes after it; the terminal is as it was.
  virtual void Finish() = 0;
};

enum class ProgressMode { kAuto, kTty, kPlain, kJson, kQuiet };

// Writes pieces to stderr; called from several threads, one at a time.
using TextSink = std::function<void(std::string_view)>;

std::unique_ptr<Progress> MakePlainProgress(TextSink sink, bool colour);
std::unique_ptr<Progress> MakeQuietProgress();
// One JSON object per line (cli/show/render_json_lines.h). Finish writes the result.
std::unique_ptr<Progress> MakeJsonProgress(TextSink sink, Clock& clock);
// Owns a thread that redraws while something moves. `size` gives columns and lines of the terminal.
struct TerminalSize {
  int width = 80;
  int height = 24;
};
std::unique_ptr<Progress> MakeLiveProgress(TextSink sink, Clock& clock, bool colour,
                                           std::function<TerminalSize()> size);

}  // namespace crossmill::cli
