#include "sip/event_bodies.h"

#include "sip/xml_text.h"

namespace tandem::sip {
namespace {

constexpr std::string_view declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n";

std::string_view to_string(DialogInfo::State state) {
    switch (state) {
        case DialogInfo::State::Trying:
            return "trying";
        case DialogInfo::State::Early:
            return "early";
        case DialogInfo::State::Confirmed:
            return "confirmed";
    }
    return "terminated";
}

void append_dialog(std::string& out, const DialogInfo& dialog) {
    out += "<dialog";
    append_xml_attribute(out, "id", dialog.id);
    append_xml_attribute(out, "direction", dialog.is_initiator ? "initiator" : "recipient");
    out.append("><state>").append(to_string(dialog.state)).append("</state>");
    if (!dialog.remote_uri.empty()) {
        out += "<remote><identity";
        if (!dialog.remote_name.empty()) append_xml_attribute(out, "display", dialog.remote_name);
        out += ">";
        append_xml(out, dialog.remote_uri);
        out += "</identity><target";
        append_xml_attribute(out, "uri", dialog.remote_uri);
        out += "/></remote>";
    }
    out += "</dialog>\r\n";
}

}  // namespace

std::string dialog_info(std::string_view entity, uint32_t version,
                        const std::vector<DialogInfo>& dialogs) {
    std::string out(declaration);
    out += "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\"";
    append_xml_attribute(out, "version", std::to_string(version));
    out += " state=\"full\"";
    append_xml_attribute(out, "entity", entity);
    out += ">\r\n";
    for (const DialogInfo& each : dialogs) append_dialog(out, each);
    // INTEROP: some phones leave the lamp on when no dialog is named.
    if (dialogs.empty()) out += "<dialog id=\"none\"><state>terminated</state></dialog>\r\n";
    return out + "</dialog-info>\r\n";
}

}  // namespace tandem::sip
