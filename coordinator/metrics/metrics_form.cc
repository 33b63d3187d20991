#include "coordinator/metrics/metrics_form.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::coordinator {
namespace {

// Of a media range "type/subtype;q=0.5;..." in an Accept field: its q, or nothing if it is not this type.
double QualityOf(std::string_view range, std::string_view type) {
  const size_t semicolon = std::min(range.find(';'), range.size());
  if (Trim(range.substr(0, semicolon)) != type) return -1;
  double quality = 1;
  std::string_view rest = range.substr(semicolon);
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view parameter = Trim(rest.substr(0, end));
    rest.remove_prefix(end);
    if (parameter.starts_with("q=") && !absl::SimpleAtod(Av(parameter.substr(2)), &quality)) quality = 0;
    // Of OpenMetrics there is one version here.
    if (parameter.starts_with("version=") && type.ends_with("openmetrics-text") &&
        parameter.substr(8) != "1.0.0")
      return -1;
  }
  return quality;
}

}  // namespace

MetricsForm PreferredForm(std::string_view accept) {
  double open = -1, text = -1;
  while (!accept.empty()) {
    const size_t end = std::min(accept.find(','), accept.size());
    const std::string_view range = accept.substr(0, end);
    accept.remove_prefix(std::min(end + 1, accept.size()));
    open = std::max(open, QualityOf(range, "application/openmetrics-text"));
    text = std::max(text, QualityOf(range, "text/plain"));
  }
  return open > 0 && open >= text ? MetricsForm::kOpenMetrics : MetricsForm::kText;
}

std::string_view MetricsType(MetricsForm form) {
  return form == MetricsForm::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                           : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace crossmill::coordinator
