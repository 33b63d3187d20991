// Pools and labels of workers, and what a build asks of them (--pool, --constraint). Pure.
//
// A pool is the coordinator's: it checks whether a worker's token is for it
// (coordinator/rpc/peers/worker_names.h). Labels are what a worker's operator says of it, and nobody checks
// whether they are true.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill {

inline constexpr int kMostWorkerLabels = 32;
inline constexpr int kMostConstraints = 16;

// INVALID_ARGUMENT unless it is empty (none), or at most 40 letters, digits and . _ -, the first a letter or
// a digit: a name that tables, logs and command lines show as it is.
absl::Status CheckPoolName(std::string_view pool);

// "KEY=VALUE" of --label. The key is at most 63 letters, digits and . _ - /, the first a letter or a digit;
// the value at most 63 of those characters, or nothing.
absl::StatusOr<v1::WorkerLabel> ParseWorkerLabel(std::string_view text);
// Of what a worker says of itself: each label as above, each key once, not more than kMostWorkerLabels.
absl::Status CheckWorkerLabels(const v1::WorkerInfo& info);
// "KEY=VALUE".
std::string FormatWorkerLabel(const v1::WorkerLabel& label);

// "KEY=VALUE" or "KEY!=VALUE" of --constraint.
absl::StatusOr<v1::WorkerConstraint> ParseConstraint(std::string_view text);
std::string FormatConstraint(const v1::WorkerConstraint& constraint);
// Pool and constraints of a submission: of their forms, and not too many.
absl::Status CheckPlacement(const v1::BuildOptions& options);

bool Satisfies(const v1::WorkerInfo& worker, const v1::WorkerConstraint& constraint);

}  // namespace crossmill
