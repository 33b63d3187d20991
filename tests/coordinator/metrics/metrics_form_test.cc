#include "coordinator/metrics/metrics_form.h"

#include <gtest/gtest.h>

namespace crossmill::coordinator {
namespace {

TEST(MetricsFormTest, OpenMetricsForWhoPrefersIt) {
  EXPECT_EQ(PreferredForm(""), MetricsForm::kText);
  EXPECT_EQ(PreferredForm("*/*"), MetricsForm::kText);
  EXPECT_EQ(PreferredForm("text/plain"), MetricsForm::kText);
  EXPECT_EQ(PreferredForm("application/openmetrics-text"), MetricsForm::kOpenMetrics);
  // As Prometheus asks.
  EXPECT_EQ(PreferredForm(
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"),
            MetricsForm::kOpenMetrics);
  EXPECT_EQ(PreferredForm("application/openmetrics-text; version=0.0.1"), MetricsForm::kText);
  EXPECT_EQ(PreferredForm("application/openmetrics-text;q=0.1, text/plain;q=0.9"), MetricsForm::kText);
  EXPECT_EQ(PreferredForm("application/openmetrics-text;q=0"), MetricsForm::kText);
  EXPECT_EQ(PreferredForm(";;,,;q="), MetricsForm::kText);
}

}  // namespace
}  // namespace crossmill::coordinator
