// What a farm keeps and what takes room: tables and JSON (docs/cli.md).
#pragma once

#include <string>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/retention.pb.h"

namespace crossmill::cli {

std::string RenderDiskUse(const v1::GetDiskUseResponse& use, bool verbose, const TextOptions& options);
Json DiskUseJson(const v1::GetDiskUseResponse& use);

std::string RenderCollected(const v1::CollectResponse& collected, bool dry_run, const TextOptions& options);
Json CollectedJson(const v1::CollectResponse& collected, bool dry_run);

std::string RenderPolicies(const v1::ListPoliciesResponse& policies, const TextOptions& options);
Json PoliciesJson(const v1::ListPoliciesResponse& policies);

std::string RenderPins(const v1::ListPinsResponse& pins, int64_t now, const TextOptions& options);
Json PinsJson(const v1::ListPinsResponse& pins);

}  // namespace crossmill::cli
