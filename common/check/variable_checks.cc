// Docker's UndefinedVar: variables that instructions use without anything having defined them.
#include <algorithm>
#include <array>

#include "common/base/status.h"
#include "common/check/subject.h"
#include "common/check/variables.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

// The environment of official images, as their publishers document it or their Dockerfiles say. A
// missing name costs a finding only where `complete` is set: bases that set nothing but PATH.
struct OfficialImage {
  std::string_view name;
  bool complete;
};
constexpr std::array<OfficialImage, 11> kPlainImages = {{{"alpine", true},
                                                         {"busybox", true},
                                                         {"debian", true},
                                                         {"ubuntu", true},
                                                         {"centos", true},
                                                         {"amazonlinux", true},
                                                         {"rockylinux", true},
                                                         {"almalinux", true},
                                                         {"oraclelinux", true},
                                                         {"archlinux", false},
                                                         {"fedora", false}}};

// The names that a stage's instructions may use, and whether that is all there can be.
struct Scope {
  std::set<std::string, std::less<>> names;
  bool complete = false;
};

bool IsOfficial(const ImageName& image) {
  return image.repository == image.name || image.repository == "docker.io/library/" + image.name ||
         image.repository == "library/" + image.name;
}

Scope BaseScope(const Subject& subject, const std::string& reference) {
  Scope scope;
  scope.names.insert("PATH");
  if (reference.empty()) return scope;
  if (const auto known = subject.input.bases.find(reference); known != subject.input.bases.end()) {
    scope.names.insert(known->second.variables.begin(), known->second.variables.end());
    scope.complete = true;
    return scope;
  }
  const ImageName image = SplitImage(reference);
  for (const OfficialImage& plain : kPlainImages) {
    if (plain.complete && plain.name == image.name && IsOfficial(image)) scope.complete = true;
  }
  return scope;
}

struct Piece {
  std::string_view text;
  // In the instruction's text, or npos.
  size_t offset;
  bool quotes_are_text = false;
};

// The parts of an instruction that the builder expands.
std::vector<Piece> ExpandedPieces(const Instruction& instruction) {
  std::vector<Piece> pieces;
  switch (instruction.keyword()) {
    case Keyword::kAdd:
    case Keyword::kCopy:
      for (const dockerfile::Flag& flag : instruction.flags) {
        if (flag.syntax->name == "chown" || flag.syntax->name == "chmod")
          pieces.push_back({flag.value, flag.offset + flag.syntax->name.size() + 3});
      }
      for (const dockerfile::Word& word : instruction.words) {
        if (word.text.starts_with("<<")) continue;
        pieces.push_back({word.text, instruction.json ? std::string::npos : word.offset});
      }
      for (const dockerfile::Heredoc& heredoc : instruction.heredocs) {
        if (heredoc.expand) pieces.push_back({heredoc.content, std::string::npos, true});
      }
      break;
    case Keyword::kEnv:
    case Keyword::kLabel:
    case Keyword::kArg:
      for (const dockerfile::Pair& pair : instruction.pairs) {
        pieces.push_back({pair.name, pair.offset});
        pieces.push_back({pair.value, pair.offset + pair.name.size() + 1});
      }
      break;
    case Keyword::kExpose:
    case Keyword::kStopsignal:
    case Keyword::kUser:
    case Keyword::kVolume:
    case Keyword::kWorkdir:
      for (const dockerfile::Word& word : instruction.words)
        pieces.push_back({word.text, instruction.json ? std::string::npos : word.offset});
      break;
    default:
      break;
  }
  return pieces;
}

class VariableCheck {
 public:
  VariableCheck(const Subject& subject, Sink& sink) : subject_(subject), sink_(sink) {
    for (const Instruction* instruction : subject.outline.global_args) {
      for (const dockerfile::Pair& pair : instruction->pairs) globals_.insert(pair.name);
    }
  }

  void Check() {
    scopes_.resize(subject_.stages.size());
    for (const dockerfile::Stage& stage : subject_.outline.stages) {
      const StageFacts& facts = subject_.stages[stage.index];
      Scope& scope = scopes_[stage.index];
      switch (facts.base.kind) {
        case plan::StageBase::kStage:
          scope = scopes_[facts.base.stage];
          break;
        case plan::StageBase::kScratch:
        case plan::StageBase::kTree:
          scope.names.insert("PATH");
          scope.complete = true;
          break;
        case plan::StageBase::kImage:
          scope = BaseScope(subject_, facts.base.image.reference);
          break;
      }
      for (const Instruction* instruction : stage.body) {
        CheckInstruction(stage, *instruction, scope);
        if (instruction->keyword() != Keyword::kArg && instruction->keyword() != Keyword::kEnv) continue;
        for (const dockerfile::Pair& pair : instruction->pairs) scope.names.insert(pair.name);
      }
    }
  }

 private:
  void CheckInstruction(const dockerfile::Stage& stage, const Instruction& instruction, const Scope& scope) {
    // ARG sees its own earlier names.
    std::set<std::string, std::less<>> own;
    if (instruction.keyword() == Keyword::kArg) {
      for (const dockerfile::Pair& pair : instruction.pairs) own.insert(pair.name);
    }
    std::set<std::string, std::less<>> told;
    for (const Piece& piece : ExpandedPieces(instruction)) {
      for (const VariableUse& use :
           FindVariables(piece.text, subject_.outline.document.escape, piece.quotes_are_text)) {
        if (use.is_required || scope.names.contains(use.name) || own.contains(use.name) ||
            use.name.starts_with("BUILDKIT_SBOM_") || !told.insert(use.name).second) {
          continue;
        }
        Report(stage, instruction, piece, use, scope);
      }
    }
  }

  void Report(const dockerfile::Stage& stage, const Instruction& instruction, const Piece& piece,
              const VariableUse& use, const Scope& scope) {
    const std::vector<std::string> known(scope.names.begin(), scope.names.end());
    const std::string near = NearMiss(use.name, known);
    const bool global = globals_.contains(use.name) || dockerfile::IsPlatformArgument(use.name);
    const Instruction* later = nullptr;
    for (const Instruction* other : stage.body) {
      if (other->first_line < instruction.first_line ||
          (other->keyword() != Keyword::kArg && other->keyword() != Keyword::kEnv)) {
        continue;
      }
      for (const dockerfile::Pair& pair : other->pairs) {
        if (pair.name == use.name && other != &instruction && later == nullptr) later = other;
      }
    }
    // The base may define it, unless everything points to a slip.
    if (!scope.complete && near.empty() && !global && later == nullptr) return;
    const Span span =
        piece.offset == std::string::npos ? Span{} : Span{piece.offset + use.offset, use.length};
    Finding* finding = sink_.Add("UndefinedVar", instruction, span,
                                 fmt::format("Usage of undefined variable '${}'{}", use.name,
                                             near.empty() ? "" : fmt::format(" (did you mean ${}?)", near)));
    if (finding == nullptr) return;
    if (global) {
      finding->why =
          "arguments from before the first FROM and automatic ones are seen by a stage only after "
          "ARG names them in it; until then they expand to nothing";
      finding->fix = fmt::format("put ARG {} before this line", use.name);
    } else if (later != nullptr) {
      finding->fix = fmt::format("it is defined in line {}; move that before this line", later->first_line);
    } else if (!near.empty()) {
      finding->fix = fmt::format("write ${}", near);
    } else if (use.has_alternative) {
      finding->why = "nothing can define it here, so the expansion is always the same";
      finding->fix = fmt::format("put ARG {} before this line, or write what it expands to", use.name);
    } else {
      finding->fix =
          fmt::format("put ARG {0} (with a default: ARG {0}=...) or ENV {0}=... before this line", use.name);
    }
  }

  const Subject& subject_;
  Sink& sink_;
  std::set<std::string, std::less<>> globals_;
  std::vector<Scope> scopes_;
};

}  // namespace

void CheckVariables(const Subject& subject, Sink& sink) { VariableCheck(subject, sink).Check(); }

}  // namespace crossmill::check
