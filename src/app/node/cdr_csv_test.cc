#include "app/node/cdr_csv.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tandem::app {
namespace {

model::Cdr record() {
    model::Cdr record;
    record.id = CdrId{{1, 2}};
    record.call = CallId{{1, 2}};
    record.domain = DomainId{{3, 4}};
    record.caller = {"+79261234567", "Smith, \"Bob\"", AccountId{{5, 6}}};
    record.callee.number = "1002";
    record.dialled = "1002";
    record.start = UtcTime{1'000};
    record.answer = UtcTime{2'000};
    record.end = UtcTime{3'500};
    record.duration = std::chrono::milliseconds(1'500);
    record.result = model::CallResult::Answered;
    record.sip_status = 200;
    record.legs.resize(3);
    record.legs[0].side = model::LegSide::Caller;
    record.legs[0].user_agent = "phone";
    record.legs[0].streams.resize(1);
    record.legs[0].streams[0].codec = "PCMA";
    record.legs[0].streams[0].packets_lost = 3;
    record.legs[2].answer = UtcTime{2'000};
    record.legs[2].user_agent = "the one that answered";
    return record;
}

TEST(CdrCsv, ALineHasWhatTheHeadNames) {
    std::string line;
    append_cdr_csv(line, record());
    EXPECT_EQ(line,
              "00000000000000010000000000000002,00000000000000010000000000000002,"
              "00000000000000030000000000000004,internal,+79261234567,\"Smith, \"\"Bob\"\"\","
              "00000000000000050000000000000006,1002,1002,,,1970-01-01T00:00:01.000Z,"
              "1970-01-01T00:00:02.000Z,1970-01-01T00:00:03.500Z,1.500,answered,200,,system,no,"
              "phone,PCMA,3,0.0,,the one that answered,,,,\r\n");
    const std::string head = cdr_csv_head();
    // One comma is in the name.
    EXPECT_EQ(std::ranges::count(head, ','), std::ranges::count(line, ',') - 1);
}

TEST(CdrCsv, NoTextBecomesAFormula) {
    for (const char* evil : {"=1+1", "+1+cmd", "-2*3", "@SUM(A1)", "\tx"}) {
        model::Cdr bad = record();
        bad.caller.display_name = evil;
        std::string line;
        append_cdr_csv(line, bad);
        EXPECT_NE(line.find(",'" + std::string(evil) + ","), std::string::npos) << evil;
    }
    model::Cdr two_lines = record();
    two_lines.reason = "a\r\nb";
    std::string line;
    append_cdr_csv(line, two_lines);
    EXPECT_NE(line.find("\"a\r\nb\""), std::string::npos);
}

}  // namespace
}  // namespace tandem::app
