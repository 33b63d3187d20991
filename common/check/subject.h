// The recipe as read, with its stages and scripts, which the single checks look at; and the sink for their
// findings. Internal to this folder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/check/check.h"
#include "common/check/shell_commands.h"
#include "common/dockerfile/outline.h"
#include "common/plan/stage_graph.h"

namespace crossmill::check {

// A part of an instruction's text; length 0: the instruction's first line.
struct Span {
  size_t offset = 0;
  size_t length = 0;
};

// One script of a RUN: its text form, one here-document, or the text given to a shell in JSON form.
struct RunScript {
  const dockerfile::Instruction* instruction = nullptr;
  std::vector<ShellCommand> commands;
  // The script in the instruction's text begins here; npos for a here-document.
  size_t offset = 0;
  // A here-document's, in the file.
  uint32_t first_line = 0;
  std::string text;
};

struct StageFacts {
  // Its layers are part of the image.
  bool in_image = false;
  // The build reaches it.
  bool reached = false;
  // FROM, resolved.
  plan::StageBase base;
  // The image that its chain of stages begins with; "scratch", or empty if unknown.
  std::string root_image;
  // For each instruction of the body (same order), the scripts of a RUN.
  std::vector<std::vector<RunScript>> scripts;
};

class Subject {
 public:
  Subject(const CheckInput& input, dockerfile::Outline outline);

  const CheckInput& input;
  const dockerfile::Outline outline;
  // Parallel to outline.stages.
  std::vector<StageFacts> stages;
  size_t target = 0;
  // Whether `stages` knows bases: FROM could be expanded.
  bool bases_known = false;
  // The Dockerfile's lines without line ends.
  std::vector<std::string> lines;

  std::string_view Line(uint32_t number) const {
    return number >= 1 && number <= lines.size() ? std::string_view(lines[number - 1]) : std::string_view();
  }
  // The stage and those it is built from, this one first.
  std::vector<size_t> Lineage(size_t stage) const;
  // Whether some instruction sets this variable in the stage or one it is built from, before `line`.
  bool HasEnv(size_t stage, std::string_view name, uint32_t line) const;

 private:
  void ReadStages();
};

// Collects findings of the rules that apply.
class Sink {
 public:
  Sink(const Subject& subject, const Selection& selection) : subject_(subject), selection_(selection) {}

  bool Wants(std::string_view rule) const;
  // Null when the rule does not apply. The result is good until the next call.
  Finding* Add(std::string_view rule, const dockerfile::Instruction& instruction, Span span,
               std::string message);
  // A command in a script.
  Finding* Add(std::string_view rule, const RunScript& script, const ShellCommand& command,
               std::string message);
  Finding* AddAtLine(std::string_view rule, uint32_t line, std::string message);
  // A place in the context: the ignore file, or the folder itself.
  Finding* AddAtFile(std::string_view rule, std::string file, std::string message);

  std::vector<Finding> Take() { return std::move(findings_); }

 private:
  const Subject& subject_;
  const Selection& selection_;
  std::vector<Finding> findings_;
};

// A path or flag of an instruction holds a mount of type=cache.
bool HasCacheMount(const dockerfile::Instruction& instruction, std::string_view below = "");

// ---- the checks ----
// Docker's: names and forms of instructions; variables; FROM.
void CheckForms(const Subject& subject, Sink& sink);
void CheckVariables(const Subject& subject, Sink& sink);
void CheckFroms(const Subject& subject, Sink& sink);
// Ours.
void CheckContext(const Subject& subject, Sink& sink);
void CheckOrder(const Subject& subject, Sink& sink);
void CheckPackages(const Subject& subject, Sink& sink);
void CheckScripts(const Subject& subject, Sink& sink);
void CheckImage(const Subject& subject, Sink& sink);
void CheckMusl(const Subject& subject, Sink& sink);
void CheckAutomaticArguments(const Subject& subject, Sink& sink);
void CheckLinks(const Subject& subject, Sink& sink);
void CheckSecretValues(const Subject& subject, Sink& sink);

// The last part of an image's name: "python" of docker.io/library/python:3.11, and its tag ("" if none).
struct ImageName {
  std::string repository;
  // Last component.
  std::string name;
  std::string tag;
  bool digest = false;
};
ImageName SplitImage(std::string_view reference);

}  // namespace crossmill::check
