// The matrix package x target of a wheelhouse: for people, as CSV, as matrix.json. Pure.
#pragma once

#include <string>

#include "absl/types/span.h"
#include "cli/show/text.h"
#include "cli/wheelhouse/package_record.h"
#include "common/base/json.h"

namespace crossmill::cli {

// The matrix, then what each target is made in, then what failed and what helps, what is missing, and what
// was not done to wheels.
std::string RenderMatrix(absl::Span<const TargetRecord> records, const TextOptions& options);

// One line for each package and target.
std::string MatrixCsv(absl::Span<const TargetRecord> records);

// {"targets": [...], "packages": [{"name", "cells": {TARGET: {"version", "outcome", "seconds", ...}}}]}
Json MatrixJson(absl::Span<const TargetRecord> records);

}  // namespace crossmill::cli
