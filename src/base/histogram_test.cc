#include "base/histogram.h"

#include <gtest/gtest.h>

#include <map>

namespace tandem {
namespace {

TEST(Histogram, CountsWhatIsAtMostABound) {
    Histogram histogram;
    for (const int ms : {0, 10, 11, 250, 60'000, 60'001}) {
        histogram.observe(std::chrono::milliseconds(ms));
    }
    std::vector<std::pair<std::string, double>> figures;
    histogram.append_to(figures, "t");
    const std::map<std::string, double> got(figures.begin(), figures.end());
    EXPECT_EQ(got.size(), figures.size());
    EXPECT_EQ(got.at("t_bucket{le=\"0.01\"}"), 2);
    EXPECT_EQ(got.at("t_bucket{le=\"0.025\"}"), 3);
    EXPECT_EQ(got.at("t_bucket{le=\"0.1\"}"), 3);
    EXPECT_EQ(got.at("t_bucket{le=\"0.25\"}"), 4);
    EXPECT_EQ(got.at("t_bucket{le=\"60\"}"), 5);
    EXPECT_EQ(got.at("t_bucket{le=\"+Inf\"}"), 6);
    EXPECT_EQ(got.at("t_count"), 6);
    EXPECT_DOUBLE_EQ(got.at("t_sum"), 120.272);
}

}  // namespace
}  // namespace tandem
