// The log of who changed what, for people and as JSON (docs/cli.md). Pure.
#pragma once

#include <string>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/people.pb.h"

namespace crossmill::cli {

std::string RenderAuditReport(const v1::VerifyAuditResponse& report, const TextOptions& options);
Json AuditReportJson(const v1::VerifyAuditResponse& report);

std::string RenderAuditLines(const v1::ListAuditResponse& response, const TextOptions& options);
Json AuditLinesJson(const v1::ListAuditResponse& response);

}  // namespace crossmill::cli
