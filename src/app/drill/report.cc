#include "app/drill/report.h"

#include <algorithm>
#include <cstdio>

#include "app/cli/table.h"
#include "app/drill/limits.h"
#include "base/json_text.h"

namespace tandem::drill {
namespace {

constexpr Duration kSwitchMedian = 500ms;
constexpr Duration kSwitchWorst = 1s;
constexpr Duration kSoundWorst = 1s;

double seconds_of(Duration time) {
    return std::chrono::duration<double>(time).count();
}

std::string shown(Duration time) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", seconds_of(time));
    return text;
}

// A switch, and whether a role that serves it was harmed: only then it says something of the harm.
struct Series {
    const char* name;
    const char* json;
    const std::vector<Duration>* values;
    bool is_of_harm;
};

bool any_of(const std::set<std::string>& roles, std::initializer_list<const char*> wanted) {
    return std::ranges::any_of(wanted, [&](const char* role) { return roles.contains(role); });
}

std::vector<Series> switches(const Report& report) {
    const auto& roles = report.roles;
    return {{"REGISTER", "register", &report.switch_register, any_of(roles, {"SR", "SG", "ST"})},
            {"new call", "call", &report.switch_call,
             any_of(roles, {"B2B", "MG", "MGC", "SG", "SR", "CS"})},
            {"API read", "api_read", &report.switch_read, any_of(roles, {"WS", "ST"})},
            {"API write", "api_write", &report.switch_write, any_of(roles, {"WS", "ST"})}};
}

void add_times(cli::Table& table, const std::string& name, const std::vector<Duration>& values) {
    if (values.empty()) return;
    const Percentiles of = percentiles_of(values);
    table.add({name, shown(of.p50), shown(of.p95), shown(of.p99), shown(of.max),
               std::to_string(values.size())});
}

void write_times(JsonWriter& json, const char* name, const std::vector<Duration>& values) {
    const Percentiles of = percentiles_of(values);
    json.field(name).begin_object().field("count").value(uint64_t{values.size()});
    if (!values.empty()) {
        json.field("p50_s").value(seconds_of(of.p50)).field("p95_s").value(seconds_of(of.p95));
        json.field("p99_s").value(seconds_of(of.p99)).field("max_s").value(seconds_of(of.max));
    }
    json.end_object();
}

std::string joined(const std::set<std::string>& roles) {
    std::string text;
    for (const std::string& role : roles) text += (text.empty() ? "" : ", ") + role;
    return text;
}

cli::Table losses(const Report& report) {
    cli::Table table({"", "LOST", "OF"});
    const auto add = [&](const char* name, uint64_t lost, uint64_t of) {
        table.add({name, std::to_string(lost), std::to_string(of)});
    };
    add("registrations acknowledged", report.registrations_lost, report.registrations);
    add("answered calls", report.answered_lost, report.answered);
    add("ringing calls", report.ringing_lost, report.ringing);
    add("new calls refused", report.refused, report.placed);
    add("calls owned twice", report.owned_twice, report.answered);
    add("CDRs missing", report.records.missing, report.records.calls);
    add("CDRs doubled", report.records.doubled, report.records.calls);
    return table;
}

void judge_times(const Report& report, std::vector<std::string>& broken) {
    for (const Series& each : switches(report)) {
        if (!each.is_of_harm || each.values->empty()) continue;
        const Percentiles of = percentiles_of(*each.values);
        const std::string name = each.name;
        if (of.p50 > kSwitchMedian) {
            broken.push_back(name + " is back after " + shown(of.p50) + " s at the median");
        }
        if (of.max >= kSwitchWorst) {
            broken.push_back(name + " is back after " + shown(of.max) + " s at worst");
        }
    }
    const Percentiles sound = percentiles_of(report.sound_gaps);
    if (sound.max > kSoundWorst) broken.push_back("no sound for " + shown(sound.max) + " s");
}

}  // namespace

std::string DrillPlan::text() const {
    if (is_watch()) return "watch for " + std::to_string(seconds) + " s";
    std::string text = kind + " of ";
    if (!server.empty()) text += "server " + server;
    if (leaders) text += "the server that has most posts";
    if (!role.empty()) text += "the node of " + role;
    if (node != 0) text += "node " + std::to_string(node);
    return kind == "kill" ? text : text + " for " + std::to_string(seconds) + " s";
}

void Report::add_calls(const CallsJudged& calls) {
    answered += calls.answered;
    answered_lost += calls.answered_lost;
    lost.insert(lost.end(), calls.lost.begin(), calls.lost.end());
    ringing += calls.ringing;
    ringing_lost += calls.ringing_lost;
    placed += calls.placed;
    refused += calls.refused;
    for (const auto& [status, count] : calls.refused_with) refused_with[status] += count;
    refused_for.push_back(calls.refused_for);
}

std::vector<std::string> broken_promises(const DrillPlan& plan, const Report& report) {
    std::vector<std::string> broken;
    const auto expect_none = [&](uint64_t count, const char* what) {
        if (count > 0) broken.push_back(std::to_string(count) + " " + what);
    };
    expect_none(report.registrations_lost, "acknowledged registrations were lost");
    expect_none(report.answered_lost, "answered calls were lost");
    expect_none(report.owned_twice, "calls had two owners");
    expect_none(report.records.missing, "answered calls have no CDR");
    expect_none(report.records.doubled, "answered calls have several CDRs");
    expect_none(static_cast<uint64_t>(report.not_back), "times something was not served again");
    expect_none(report.faults.size(), "times a phone saw or heard what it never should");
    if (plan.judges_time) judge_times(report, broken);
    return broken;
}

std::string report_text(const DrillPlan& plan, const Report& report) {
    char head[200];
    std::snprintf(head, sizeof head, "%d rounds, %d held calls, %g new calls/s, %zu phones",
                  report.rounds, plan.calls, plan.rate, report.phones);
    std::string text = plan.text() + " (" + joined(report.roles) + "): " + head;
    text += report.interrupted ? "; interrupted\n\n" : "\n\n";
    text += losses(report).text() + "\n";
    cli::Table times({"SECONDS", "P50", "P95", "P99", "MAX", "VALUES"});
    for (const Series& each : switches(report)) {
        const char* mark = each.is_of_harm ? "switch: " : "beside: ";
        add_times(times, mark + std::string(each.name), *each.values);
    }
    add_times(times, "new calls refused for", report.refused_for);
    add_times(times, "gap in sound", report.sound_gaps);
    text += times.text();
    if (report.gate_changes > 0) {
        text += "\nphones turned to another gate: " + std::to_string(report.gate_changes) + "\n";
    }
    for (const auto& [status, count] : report.refused_with) {
        text += "\nnew calls refused with " +
                (status == 0 ? std::string("no answer") : std::to_string(status)) + ": " +
                std::to_string(count);
    }
    if (report.lateness > lateness_most) {
        text += "\nthe phones themselves were up to " + shown(report.lateness) +
                " s late: their machine was too busy, and all times have that in them";
    }
    for (const std::string& lost : report.lost) text += "\nlost: " + lost;
    for (const std::string& fault : report.faults) text += "\na phone says: " + fault;
    for (const std::string& broken : broken_promises(plan, report)) text += "\nBROKEN: " + broken;
    return text + (text.ends_with('\n') ? "" : "\n");
}

std::string report_json(const DrillPlan& plan, const Report& report) {
    JsonWriter json;
    json.begin_object().field("drill").value(plan.text()).field("kind").value(plan.kind);
    json.field("roles").begin_list();
    for (const std::string& role : report.roles) json.value(role);
    json.end_list();
    json.field("rounds").value(report.rounds).field("calls").value(plan.calls);
    json.field("rate").value(plan.rate).field("phones").value(uint64_t{report.phones});
    json.field("registrations").value(report.registrations);
    json.field("registrations_lost").value(report.registrations_lost);
    json.field("answered").value(report.answered);
    json.field("answered_lost").value(report.answered_lost);
    json.field("lost").begin_list();
    for (const std::string& lost : report.lost) json.value(lost);
    json.end_list();
    json.field("ringing").value(report.ringing).field("ringing_lost").value(report.ringing_lost);
    json.field("placed").value(report.placed).field("refused").value(report.refused);
    json.field("refused_with").begin_object();
    for (const auto& [status, count] : report.refused_with) {
        json.field(std::to_string(status)).value(count);
    }
    json.end_object();
    json.field("owned_twice").value(report.owned_twice);
    json.field("cdr_calls").value(report.records.calls);
    json.field("cdr_missing").value(report.records.missing);
    json.field("cdr_doubled").value(report.records.doubled);
    json.field("not_back").value(report.not_back);
    json.field("switch").begin_object();
    for (const Series& each : switches(report)) write_times(json, each.json, *each.values);
    json.end_object();
    write_times(json, "refused_for", report.refused_for);
    write_times(json, "sound_gap", report.sound_gaps);
    json.field("gate_changes").value(report.gate_changes);
    json.field("lateness_s").value(seconds_of(report.lateness));
    json.field("faults").begin_list();
    for (const std::string& fault : report.faults) json.value(fault);
    json.end_list().field("broken").begin_list();
    for (const std::string& broken : broken_promises(plan, report)) json.value(broken);
    return json.end_list().end_object().take();
}

}  // namespace tandem::drill
