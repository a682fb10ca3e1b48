#include "roles/web_gate/metrics.h"

#include <gtest/gtest.h>

namespace tandem::roles::web_gate {
namespace {

TEST(Metrics, AreGroupedExplainedAndLabelled) {
    const std::vector<std::string> nodes = {
        R"({"node":1,"shard":0,"version":"0.1.0","uptime_s":9,"figures":{"links_up":1},)"
        R"("instances":[)"
        R"({"role":"SG","instance":7,"figures":{"sip_sent":7,)"
        R"("sip_requests_total{method=\"BYE\"}":2}},)"
        R"({"role":"B2B","instance":6,"figures":{"call_setup_seconds_bucket{le=\"+Inf\"}":3,)"
        R"("call_setup_seconds_count":3,"odd-name":4}}]})",
        R"({"node":1,"shard":1,"instances":[]})", "broken"};
    EXPECT_EQ(
        metrics_text(nodes, {1, 2}),
        "# HELP tandem_build_info Always 1; the label has the version.\n"
        "# TYPE tandem_build_info gauge\n"
        "tandem_build_info{node=\"1\",version=\"0.1.0\"} 1\n"
        "# HELP tandem_call_setup_seconds From INVITE to the first news of the far end "
        "(RFC 6076 4.3).\n"
        "# TYPE tandem_call_setup_seconds histogram\n"
        "tandem_call_setup_seconds_bucket{node=\"1\",role=\"B2B\",instance=\"6\",le=\"+Inf\"} 3\n"
        "tandem_call_setup_seconds_count{node=\"1\",role=\"B2B\",instance=\"6\"} 3\n"
        "# HELP tandem_links_up Links to other nodes that are up.\n"
        "# TYPE tandem_links_up gauge\n"
        "tandem_links_up{node=\"1\"} 1\n"
        "# HELP tandem_odd_name \n"
        "# TYPE tandem_odd_name gauge\n"
        "tandem_odd_name{node=\"1\",role=\"B2B\",instance=\"6\"} 4\n"
        "# HELP tandem_sip_requests_total Requests from phones, by method.\n"
        "# TYPE tandem_sip_requests_total counter\n"
        "tandem_sip_requests_total{node=\"1\",role=\"SG\",instance=\"7\",method=\"BYE\"} 2\n"
        "# HELP tandem_sip_sent_total Packets to phones.\n"
        "# TYPE tandem_sip_sent_total counter\n"
        "tandem_sip_sent_total{node=\"1\",role=\"SG\",instance=\"7\"} 7\n"
        "# HELP tandem_up Whether the node answered; 0: it did not within a second.\n"
        "# TYPE tandem_up gauge\n"
        "tandem_up{node=\"1\"} 1\ntandem_up{node=\"2\"} 0\n"
        "# HELP tandem_uptime_seconds Since the node started.\n"
        "# TYPE tandem_uptime_seconds gauge\n"
        "tandem_uptime_seconds{node=\"1\"} 9\n");
}

}  // namespace
}  // namespace tandem::roles::web_gate
