// The words that people and scripts read for the values of the protocol (docs/architecture.md,
// "words"): one place, so that tables, live display and JSON never disagree.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crossmill/v1/access.pb.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/package_history.pb.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill {

// "succeeded", "infrastructure-failed", "timed-out", ...
std::string_view Word(v1::BuildStatus status);
// "waiting", "executed", "cached", ...
std::string_view Word(v1::StepStatus status);
// "reproducible", "input-drift", ...
std::string_view Word(v1::Verdict verdict);
// "wheel", "source", "source-cached", ...
std::string_view Word(v1::Outcome outcome);
// "only-first", "content", ...
std::string_view Word(v1::PathDifference::Kind kind);
// "none", "host"; empty when unset.
std::string_view Word(v1::NetworkMode mode);
std::string_view Word(v1::Fetch::Kind kind);
// "clock", "host-name", ...: as --vary names them.
std::string_view Word(v1::Aspect aspect);
// The same within a sentence: "host name".
std::string_view Phrase(v1::Aspect aspect);
// "no-longer-wheel", "version", ...
std::string_view Word(v1::PackageChange::Kind kind);
// "read", "submit", "operate", "admin", "worker": what a token is for.
std::string_view Word(v1::Access role);
// A client's role by its word; nothing for any other word.
std::optional<v1::Access> ParseClientRole(std::string_view word);

// A build in this state changes no more.
bool IsFinished(v1::BuildStatus status);
// Every layer of every platform is there and nothing failed: only the images are still being packed, for
// which nobody has to wait who does not take them.
bool IsBuilt(const v1::BuildView& build);
// The same of one platform.
bool IsBuilt(const v1::CellView& cell);
// Whether two views are of one cell of a build. A wheels build has many of one platform.
bool IsSameCell(const v1::CellView& a, const v1::CellView& b);
bool IsFinished(v1::StepStatus status);

// A stage inside a sentence, by its label: "stage builder", and "stage-2" as it is.
std::string StagePhrase(std::string_view label);
// "Dockerfile:7" or "Dockerfile:7-9".
std::string FormatRange(const v1::SourceRange& range);
// "PYTHON=3.12, VARIANT=slim"; empty of a build that was submitted alone. As it was given: not made
// printable.
std::string FormatCombination(const v1::MatrixPlace& place);

}  // namespace crossmill
