// `predict --json` and `--csv` (docs/cli.md). Pure.
#pragma once

#include <string>

#include "common/base/json.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::cli {

Json ForecastJson(const v1::Forecast& forecast);
// A row for each package of each command and platform.
std::string ForecastCsv(const v1::Forecast& forecast);

}  // namespace crossmill::cli
