#include "sip/pidf.h"

#include <algorithm>

#include "base/bytes.h"
#include "sip/body_limits.h"
#include "sip/xml_reader.h"
#include "sip/xml_text.h"

namespace tandem::sip {
namespace {

constexpr std::string_view kPidf = "urn:ietf:params:xml:ns:pidf";
constexpr std::string_view kDataModel = "urn:ietf:params:xml:ns:pidf:data-model";
constexpr std::string_view kRpid = "urn:ietf:params:xml:ns:pidf:rpid";

constexpr std::string_view kActivities[] = {"appointment", "away",
                                            "breakfast",   "busy",
                                            "dinner",      "holiday",
                                            "in-transit",  "looking-for-work",
                                            "lunch",       "meal",
                                            "meeting",     "on-the-phone",
                                            "performance", "permanent-absence",
                                            "playing",     "presentation",
                                            "shopping",    "sleeping",
                                            "spectator",   "steering",
                                            "travel",      "tv",
                                            "vacation",    "working",
                                            "worship"};

// Keeps whole characters.
void bound_note(std::string& note) {
    note = std::string(trim(note));
    if (note.size() <= presence_note_bytes_max) return;
    size_t end = presence_note_bytes_max;
    while (end > 0 && (static_cast<uint8_t>(note[end]) & 0xc0) == 0x80) --end;
    note.resize(end);
}

// Where in a document the reader is: what text means depends on it.
class DocumentReader {
 public:
    explicit DocumentReader(std::string_view body) : xml_(body) {}

    Result<PresenceDocument> read() {
        while (true) {
            const XmlReader::Token token = TRY(xml_.next());
            if (token == XmlReader::Token::Finished) break;
            if (token == XmlReader::Token::Begin) TRY(begin());
            if (token == XmlReader::Token::Text && into_ != nullptr) into_->append(xml_.text());
            if (token == XmlReader::Token::End) TRY(end());
        }
        bound_note(document_.note);
        for (PresenceTuple& tuple : document_.tuples) bound_note(tuple.note);
        return std::move(document_);
    }

 private:
    static Error wrong(std::string_view what) {
        return make_error(ErrorCode::Malformed, "", what, 400);
    }
    bool is(std::string_view space, std::string_view name) const {
        return xml_.space() == space && xml_.name() == name;
    }
    Result<void> begin() {
        into_ = nullptr;
        if (xml_.depth() == 1) {
            if (is(kPidf, "presence")) return {};
            return wrong("the document is no presence of urn:ietf:params:xml:ns:pidf");
        }
        if (xml_.depth() == 2) {
            in_tuple_ = is(kPidf, "tuple");
            in_person_ = is(kDataModel, "person");
            if (in_tuple_ && document_.tuples.size() >= presence_tuples_max)
                return wrong("there are too many tuples");
            if (in_tuple_) document_.tuples.emplace_back();
        }
        const bool is_note = xml_.name() == "note" && !activities_depth_;
        if (in_tuple_ && is(kPidf, "basic")) {
            basic_.clear();
            into_ = &basic_;
        } else if (is_note && xml_.depth() == 3 && in_tuple_) {
            note_into(document_.tuples.back().note);
        } else if (is_note && (xml_.depth() == 2 || in_person_)) {
            note_into(document_.note);
        } else if (is(kRpid, "activities")) {
            activities_depth_ = xml_.depth();
        } else if (activities_depth_ && xml_.depth() == *activities_depth_ + 1) {
            add_activity();
        }
        return {};
    }
    // Several, in several languages: the first.
    void note_into(std::string& note) {
        if (trim(note).empty()) into_ = &note;
    }
    void add_activity() {
        const std::string_view name = xml_.name();
        if (xml_.space() != kRpid || !is_activity(name)) return;
        if (std::ranges::find(document_.activities, name) == document_.activities.end())
            document_.activities.emplace_back(name);
    }
    Result<void> end() {
        if (activities_depth_ && xml_.depth() < *activities_depth_) activities_depth_.reset();
        if (into_ == &basic_) {
            const std::string_view value = trim(basic_);
            if (value != "open" && value != "closed")
                return wrong("basic is neither open nor closed");
            document_.tuples.back().is_open = value == "open";
        }
        into_ = nullptr;
        return {};
    }

    XmlReader xml_;
    PresenceDocument document_;
    std::string* into_ = nullptr;  // where text goes
    std::string basic_;
    std::optional<size_t> activities_depth_;
    bool in_tuple_ = false;
    bool in_person_ = false;
};

void append_note(std::string& out, std::string_view element, std::string_view note) {
    if (note.empty()) return;
    out.append("<").append(element).append(">");
    append_xml(out, note);
    out.append("</").append(element).append(">");
}

}  // namespace

bool is_activity(std::string_view name) {
    return std::ranges::find(kActivities, name) != std::end(kActivities);
}

Result<PresenceDocument> read_pidf(std::string_view body) {
    return DocumentReader(body).read();
}

std::string write_pidf(std::string_view entity, const PresenceDocument& document) {
    std::string out("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence");
    append_xml_attribute(out, "xmlns", kPidf);
    append_xml_attribute(out, "xmlns:dm", kDataModel);
    append_xml_attribute(out, "xmlns:rpid", kRpid);
    append_xml_attribute(out, "entity", entity);
    out += ">\r\n";
    for (size_t i = 0; i < document.tuples.size(); ++i) {
        const PresenceTuple& tuple = document.tuples[i];
        out += "<tuple";
        append_xml_attribute(out, "id", "t" + std::to_string(i));
        out += "><status>";
        if (tuple.is_open)
            out.append("<basic>").append(*tuple.is_open ? "open" : "closed").append("</basic>");
        out += "</status>";
        append_note(out, "note", tuple.note);
        out += "</tuple>\r\n";
    }
    append_note(out, "note", document.note);
    if (!document.activities.empty()) {
        out += "<dm:person id=\"person\"><rpid:activities>";
        for (const std::string& each : document.activities)
            out.append("<rpid:").append(each).append("/>");
        out += "</rpid:activities></dm:person>\r\n";
    }
    return out + "</presence>\r\n";
}

}  // namespace tandem::sip
