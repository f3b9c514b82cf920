// Generated of packet.proto by `node test/support/packet-codec.ts`: change that file, not this one.
// biome-ignore-all lint: generated
// biome-ignore-all format: generated
// biome-ignore-all assist: generated
/*eslint-disable block-scoped-var, id-length, no-control-regex, no-magic-numbers, no-mixed-operators, no-prototype-builtins, no-redeclare, no-shadow, no-var, sort-vars, default-case, jsdoc/require-param*/
import $protobuf from "protobufjs/minimal.js";

const $Reader = $protobuf.Reader, $Writer = $protobuf.Writer, $util = $protobuf.util;
const $Object = $util.global.Object, $undefined = $util.global.undefined, $Error = $util.global.Error, $RangeError = $util.global.RangeError;

const $root = $protobuf.roots["default"] || ($protobuf.roots["default"] = {});

export const Packet = $root.Packet = (() => {

    const Packet = function (properties) {
        if (properties)
            for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                if (properties[keys[i]] != null && keys[i] !== "__proto__")
                    this[keys[i]] = properties[keys[i]];
    };

    Packet.prototype.sid = "";
    Packet.prototype.cmd = "";
    Packet.prototype.authority = null;
    Packet.prototype.connect_res = null;
    Packet.prototype.buf = $util.newBuffer([]);
    Packet.prototype.reason = "";
    Packet.prototype.head = null;
    Packet.prototype.window = 0;
    Packet.prototype.code = "";
    Packet.prototype.opcode = 0;
    Packet.prototype.close_code = 0;
    Packet.prototype.hello = null;

    Packet.encode = function (message, writer, _depth) {
        if (!writer)
            writer = $Writer.create();
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $util.recursionLimit)
            throw $Error("max depth exceeded");
        if (message.sid != null && $Object.hasOwnProperty.call(message, "sid") && message.sid !== "")
            writer.uint32(10).string(message.sid);
        if (message.cmd != null && $Object.hasOwnProperty.call(message, "cmd") && message.cmd !== "")
            writer.uint32(18).string(message.cmd);
        if (message.authority != null && $Object.hasOwnProperty.call(message, "authority"))
            $root.Authority.encode(message.authority, writer.uint32(26).fork(), _depth + 1).ldelim();
        if (message.connect_res != null && $Object.hasOwnProperty.call(message, "connect_res"))
            $root.ConnectRes.encode(message.connect_res, writer.uint32(34).fork(), _depth + 1).ldelim();
        if (message.buf != null && $Object.hasOwnProperty.call(message, "buf") && message.buf.length)
            writer.uint32(42).bytes(message.buf);
        if (message.reason != null && $Object.hasOwnProperty.call(message, "reason") && message.reason !== "")
            writer.uint32(50).string(message.reason);
        if (message.head != null && $Object.hasOwnProperty.call(message, "head"))
            $root.HttpHead.encode(message.head, writer.uint32(58).fork(), _depth + 1).ldelim();
        if (message.window != null && $Object.hasOwnProperty.call(message, "window") && message.window !== 0)
            writer.uint32(64).uint32(message.window);
        if (message.code != null && $Object.hasOwnProperty.call(message, "code") && message.code !== "")
            writer.uint32(74).string(message.code);
        if (message.opcode != null && $Object.hasOwnProperty.call(message, "opcode") && message.opcode !== 0)
            writer.uint32(80).uint32(message.opcode);
        if (message.close_code != null && $Object.hasOwnProperty.call(message, "close_code") && message.close_code !== 0)
            writer.uint32(88).uint32(message.close_code);
        if (message.hello != null && $Object.hasOwnProperty.call(message, "hello"))
            $root.Hello.encode(message.hello, writer.uint32(98).fork(), _depth + 1).ldelim();
        if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
            for (let i = 0; i < message.$unknowns.length; ++i)
                writer.raw(message.$unknowns[i]);
        return writer;
    };

    Packet.decode = function (reader, length, _end, _depth, _target) {
        if (!(reader instanceof $Reader))
            reader = $Reader.create(reader);
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $Reader.recursionLimit)
            throw $Error("max depth exceeded");
        let end, message, value;
        if (length === $undefined)
            end = reader.len;
        else {
            end = reader.pos + length;
            if (end > reader.len)
                throw $RangeError("index out of range");
            length = reader.len;
            reader.len = end;
        }
        message = _target || new $root.Packet();
        while (reader.pos < end) {
            let start = reader.pos;
            let tag = reader.tag();
            if (tag === _end) {
                _end = $undefined;
                break;
            }
            let wireType = tag & 7;
            switch (tag >>>= 3) {
            case 1: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.sid = value;
                    else
                        delete message.sid;
                    continue;
                }
            case 2: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.cmd = value;
                    else
                        delete message.cmd;
                    continue;
                }
            case 3: {
                    if (wireType !== 2)
                        break;
                    message.authority = $root.Authority.decode(reader, reader.size(), $undefined, _depth + 1, message.authority);
                    continue;
                }
            case 4: {
                    if (wireType !== 2)
                        break;
                    message.connect_res = $root.ConnectRes.decode(reader, reader.size(), $undefined, _depth + 1, message.connect_res);
                    continue;
                }
            case 5: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.bytes()).length)
                        message.buf = value;
                    else
                        delete message.buf;
                    continue;
                }
            case 6: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.reason = value;
                    else
                        delete message.reason;
                    continue;
                }
            case 7: {
                    if (wireType !== 2)
                        break;
                    message.head = $root.HttpHead.decode(reader, reader.size(), $undefined, _depth + 1, message.head);
                    continue;
                }
            case 8: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.uint32())
                        message.window = value;
                    else
                        delete message.window;
                    continue;
                }
            case 9: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.code = value;
                    else
                        delete message.code;
                    continue;
                }
            case 10: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.uint32())
                        message.opcode = value;
                    else
                        delete message.opcode;
                    continue;
                }
            case 11: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.uint32())
                        message.close_code = value;
                    else
                        delete message.close_code;
                    continue;
                }
            case 12: {
                    if (wireType !== 2)
                        break;
                    message.hello = $root.Hello.decode(reader, reader.size(), $undefined, _depth + 1, message.hello);
                    continue;
                }
            }
            reader.skipType(wireType, _depth, tag);
            if (!reader.discardUnknown) {
                $util.makeProp(message, "$unknowns", false);
                (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
            }
        }
        if (length !== $undefined) {
            if (reader.pos !== end)
                throw $RangeError("index out of range");
            reader.len = length;
        }
        if (_end !== $undefined)
            throw $Error("missing end group");
        return message;
    };

    return Packet;
})();

export const Authority = $root.Authority = (() => {

    const Authority = function (properties) {
        if (properties)
            for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                if (properties[keys[i]] != null && keys[i] !== "__proto__")
                    this[keys[i]] = properties[keys[i]];
    };

    Authority.prototype.domain = "";
    Authority.prototype.ip = "";
    Authority.prototype.port = 0;
    Authority.prototype.service = "";

    Authority.encode = function (message, writer, _depth) {
        if (!writer)
            writer = $Writer.create();
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $util.recursionLimit)
            throw $Error("max depth exceeded");
        if (message.domain != null && $Object.hasOwnProperty.call(message, "domain") && message.domain !== "")
            writer.uint32(10).string(message.domain);
        if (message.ip != null && $Object.hasOwnProperty.call(message, "ip") && message.ip !== "")
            writer.uint32(18).string(message.ip);
        if (message.port != null && $Object.hasOwnProperty.call(message, "port") && message.port !== 0)
            writer.uint32(24).uint32(message.port);
        if (message.service != null && $Object.hasOwnProperty.call(message, "service") && message.service !== "")
            writer.uint32(34).string(message.service);
        if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
            for (let i = 0; i < message.$unknowns.length; ++i)
                writer.raw(message.$unknowns[i]);
        return writer;
    };

    Authority.decode = function (reader, length, _end, _depth, _target) {
        if (!(reader instanceof $Reader))
            reader = $Reader.create(reader);
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $Reader.recursionLimit)
            throw $Error("max depth exceeded");
        let end, message, value;
        if (length === $undefined)
            end = reader.len;
        else {
            end = reader.pos + length;
            if (end > reader.len)
                throw $RangeError("index out of range");
            length = reader.len;
            reader.len = end;
        }
        message = _target || new $root.Authority();
        while (reader.pos < end) {
            let start = reader.pos;
            let tag = reader.tag();
            if (tag === _end) {
                _end = $undefined;
                break;
            }
            let wireType = tag & 7;
            switch (tag >>>= 3) {
            case 1: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.domain = value;
                    else
                        delete message.domain;
                    continue;
                }
            case 2: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.ip = value;
                    else
                        delete message.ip;
                    continue;
                }
            case 3: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.uint32())
                        message.port = value;
                    else
                        delete message.port;
                    continue;
                }
            case 4: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.service = value;
                    else
                        delete message.service;
                    continue;
                }
            }
            reader.skipType(wireType, _depth, tag);
            if (!reader.discardUnknown) {
                $util.makeProp(message, "$unknowns", false);
                (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
            }
        }
        if (length !== $undefined) {
            if (reader.pos !== end)
                throw $RangeError("index out of range");
            reader.len = length;
        }
        if (_end !== $undefined)
            throw $Error("missing end group");
        return message;
    };

    return Authority;
})();

export const ConnectRes = $root.ConnectRes = (() => {

    const ConnectRes = function (properties) {
        if (properties)
            for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                if (properties[keys[i]] != null && keys[i] !== "__proto__")
                    this[keys[i]] = properties[keys[i]];
    };

    ConnectRes.prototype.succeeded = false;
    ConnectRes.prototype.local_address = "";
    ConnectRes.prototype.local_port = 0;
    ConnectRes.prototype.error_code = "";

    ConnectRes.encode = function (message, writer, _depth) {
        if (!writer)
            writer = $Writer.create();
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $util.recursionLimit)
            throw $Error("max depth exceeded");
        if (message.succeeded != null && $Object.hasOwnProperty.call(message, "succeeded") && message.succeeded !== false)
            writer.uint32(8).bool(message.succeeded);
        if (message.local_address != null && $Object.hasOwnProperty.call(message, "local_address") && message.local_address !== "")
            writer.uint32(18).string(message.local_address);
        if (message.local_port != null && $Object.hasOwnProperty.call(message, "local_port") && message.local_port !== 0)
            writer.uint32(24).uint32(message.local_port);
        if (message.error_code != null && $Object.hasOwnProperty.call(message, "error_code") && message.error_code !== "")
            writer.uint32(34).string(message.error_code);
        if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
            for (let i = 0; i < message.$unknowns.length; ++i)
                writer.raw(message.$unknowns[i]);
        return writer;
    };

    ConnectRes.decode = function (reader, length, _end, _depth, _target) {
        if (!(reader instanceof $Reader))
            reader = $Reader.create(reader);
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $Reader.recursionLimit)
            throw $Error("max depth exceeded");
        let end, message, value;
        if (length === $undefined)
            end = reader.len;
        else {
            end = reader.pos + length;
            if (end > reader.len)
                throw $RangeError("index out of range");
            length = reader.len;
            reader.len = end;
        }
        message = _target || new $root.ConnectRes();
        while (reader.pos < end) {
            let start = reader.pos;
            let tag = reader.tag();
            if (tag === _end) {
                _end = $undefined;
                break;
            }
            let wireType = tag & 7;
            switch (tag >>>= 3) {
            case 1: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.bool())
                        message.succeeded = value;
                    else
                        delete message.succeeded;
                    continue;
                }
            case 2: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.local_address = value;
                    else
                        delete message.local_address;
                    continue;
                }
            case 3: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.uint32())
                        message.local_port = value;
                    else
                        delete message.local_port;
                    continue;
                }
            case 4: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.error_code = value;
                    else
                        delete message.error_code;
                    continue;
                }
            }
            reader.skipType(wireType, _depth, tag);
            if (!reader.discardUnknown) {
                $util.makeProp(message, "$unknowns", false);
                (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
            }
        }
        if (length !== $undefined) {
            if (reader.pos !== end)
                throw $RangeError("index out of range");
            reader.len = length;
        }
        if (_end !== $undefined)
            throw $Error("missing end group");
        return message;
    };

    return ConnectRes;
})();

export const HttpHead = $root.HttpHead = (() => {

    const HttpHead = function (properties) {
        this.headers = [];
        if (properties)
            for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                if (properties[keys[i]] != null && keys[i] !== "__proto__")
                    this[keys[i]] = properties[keys[i]];
    };

    HttpHead.prototype.method = "";
    HttpHead.prototype.url = "";
    HttpHead.prototype.status = 0;
    HttpHead.prototype.headers = $util.emptyArray;
    HttpHead.prototype.upgrade = false;

    HttpHead.encode = function (message, writer, _depth) {
        if (!writer)
            writer = $Writer.create();
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $util.recursionLimit)
            throw $Error("max depth exceeded");
        if (message.method != null && $Object.hasOwnProperty.call(message, "method") && message.method !== "")
            writer.uint32(10).string(message.method);
        if (message.url != null && $Object.hasOwnProperty.call(message, "url") && message.url !== "")
            writer.uint32(18).string(message.url);
        if (message.status != null && $Object.hasOwnProperty.call(message, "status") && message.status !== 0)
            writer.uint32(24).uint32(message.status);
        if (message.headers != null && message.headers.length)
            for (let i = 0; i < message.headers.length; ++i)
                $root.Header.encode(message.headers[i], writer.uint32(34).fork(), _depth + 1).ldelim();
        if (message.upgrade != null && $Object.hasOwnProperty.call(message, "upgrade") && message.upgrade !== false)
            writer.uint32(40).bool(message.upgrade);
        if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
            for (let i = 0; i < message.$unknowns.length; ++i)
                writer.raw(message.$unknowns[i]);
        return writer;
    };

    HttpHead.decode = function (reader, length, _end, _depth, _target) {
        if (!(reader instanceof $Reader))
            reader = $Reader.create(reader);
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $Reader.recursionLimit)
            throw $Error("max depth exceeded");
        let end, message, value;
        if (length === $undefined)
            end = reader.len;
        else {
            end = reader.pos + length;
            if (end > reader.len)
                throw $RangeError("index out of range");
            length = reader.len;
            reader.len = end;
        }
        message = _target || new $root.HttpHead();
        while (reader.pos < end) {
            let start = reader.pos;
            let tag = reader.tag();
            if (tag === _end) {
                _end = $undefined;
                break;
            }
            let wireType = tag & 7;
            switch (tag >>>= 3) {
            case 1: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.method = value;
                    else
                        delete message.method;
                    continue;
                }
            case 2: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.url = value;
                    else
                        delete message.url;
                    continue;
                }
            case 3: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.uint32())
                        message.status = value;
                    else
                        delete message.status;
                    continue;
                }
            case 4: {
                    if (wireType !== 2)
                        break;
                    if (!(message.headers && message.headers.length))
                        message.headers = [];
                    message.headers.push($root.Header.decode(reader, reader.size(), $undefined, _depth + 1));
                    continue;
                }
            case 5: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.bool())
                        message.upgrade = value;
                    else
                        delete message.upgrade;
                    continue;
                }
            }
            reader.skipType(wireType, _depth, tag);
            if (!reader.discardUnknown) {
                $util.makeProp(message, "$unknowns", false);
                (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
            }
        }
        if (length !== $undefined) {
            if (reader.pos !== end)
                throw $RangeError("index out of range");
            reader.len = length;
        }
        if (_end !== $undefined)
            throw $Error("missing end group");
        return message;
    };

    return HttpHead;
})();

export const Header = $root.Header = (() => {

    const Header = function (properties) {
        if (properties)
            for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                if (properties[keys[i]] != null && keys[i] !== "__proto__")
                    this[keys[i]] = properties[keys[i]];
    };

    Header.prototype.name = "";
    Header.prototype.value = $util.newBuffer([]);

    Header.encode = function (message, writer, _depth) {
        if (!writer)
            writer = $Writer.create();
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $util.recursionLimit)
            throw $Error("max depth exceeded");
        if (message.name != null && $Object.hasOwnProperty.call(message, "name") && message.name !== "")
            writer.uint32(10).string(message.name);
        if (message.value != null && $Object.hasOwnProperty.call(message, "value") && message.value.length)
            writer.uint32(18).bytes(message.value);
        if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
            for (let i = 0; i < message.$unknowns.length; ++i)
                writer.raw(message.$unknowns[i]);
        return writer;
    };

    Header.decode = function (reader, length, _end, _depth, _target) {
        if (!(reader instanceof $Reader))
            reader = $Reader.create(reader);
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $Reader.recursionLimit)
            throw $Error("max depth exceeded");
        let end, message, value;
        if (length === $undefined)
            end = reader.len;
        else {
            end = reader.pos + length;
            if (end > reader.len)
                throw $RangeError("index out of range");
            length = reader.len;
            reader.len = end;
        }
        message = _target || new $root.Header();
        while (reader.pos < end) {
            let start = reader.pos;
            let tag = reader.tag();
            if (tag === _end) {
                _end = $undefined;
                break;
            }
            let wireType = tag & 7;
            switch (tag >>>= 3) {
            case 1: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.name = value;
                    else
                        delete message.name;
                    continue;
                }
            case 2: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.bytes()).length)
                        message.value = value;
                    else
                        delete message.value;
                    continue;
                }
            }
            reader.skipType(wireType, _depth, tag);
            if (!reader.discardUnknown) {
                $util.makeProp(message, "$unknowns", false);
                (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
            }
        }
        if (length !== $undefined) {
            if (reader.pos !== end)
                throw $RangeError("index out of range");
            reader.len = length;
        }
        if (_end !== $undefined)
            throw $Error("missing end group");
        return message;
    };

    return Header;
})();

export const Hello = $root.Hello = (() => {

    const Hello = function (properties) {
        this.services = [];
        if (properties)
            for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                if (properties[keys[i]] != null && keys[i] !== "__proto__")
                    this[keys[i]] = properties[keys[i]];
    };

    Hello.prototype.version = 0;
    Hello.prototype.name = "";
    Hello.prototype.services = $util.emptyArray;
    Hello.prototype.window = 0;

    Hello.encode = function (message, writer, _depth) {
        if (!writer)
            writer = $Writer.create();
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $util.recursionLimit)
            throw $Error("max depth exceeded");
        if (message.version != null && $Object.hasOwnProperty.call(message, "version") && message.version !== 0)
            writer.uint32(8).uint32(message.version);
        if (message.name != null && $Object.hasOwnProperty.call(message, "name") && message.name !== "")
            writer.uint32(18).string(message.name);
        if (message.services != null && message.services.length)
            for (let i = 0; i < message.services.length; ++i)
                writer.uint32(26).string(message.services[i]);
        if (message.window != null && $Object.hasOwnProperty.call(message, "window") && message.window !== 0)
            writer.uint32(32).uint32(message.window);
        if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
            for (let i = 0; i < message.$unknowns.length; ++i)
                writer.raw(message.$unknowns[i]);
        return writer;
    };

    Hello.decode = function (reader, length, _end, _depth, _target) {
        if (!(reader instanceof $Reader))
            reader = $Reader.create(reader);
        if (_depth === $undefined)
            _depth = 0;
        if (_depth > $Reader.recursionLimit)
            throw $Error("max depth exceeded");
        let end, message, value;
        if (length === $undefined)
            end = reader.len;
        else {
            end = reader.pos + length;
            if (end > reader.len)
                throw $RangeError("index out of range");
            length = reader.len;
            reader.len = end;
        }
        message = _target || new $root.Hello();
        while (reader.pos < end) {
            let start = reader.pos;
            let tag = reader.tag();
            if (tag === _end) {
                _end = $undefined;
                break;
            }
            let wireType = tag & 7;
            switch (tag >>>= 3) {
            case 1: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.uint32())
                        message.version = value;
                    else
                        delete message.version;
                    continue;
                }
            case 2: {
                    if (wireType !== 2)
                        break;
                    if ((value = reader.stringVerify()).length)
                        message.name = value;
                    else
                        delete message.name;
                    continue;
                }
            case 3: {
                    if (wireType !== 2)
                        break;
                    if (!(message.services && message.services.length))
                        message.services = [];
                    message.services.push(reader.stringVerify());
                    continue;
                }
            case 4: {
                    if (wireType !== 0)
                        break;
                    if (value = reader.uint32())
                        message.window = value;
                    else
                        delete message.window;
                    continue;
                }
            }
            reader.skipType(wireType, _depth, tag);
            if (!reader.discardUnknown) {
                $util.makeProp(message, "$unknowns", false);
                (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
            }
        }
        if (length !== $undefined) {
            if (reader.pos !== end)
                throw $RangeError("index out of range");
            reader.len = length;
        }
        if (_end !== $undefined)
            throw $Error("missing end group");
        return message;
    };

    return Hello;
})();

export {
  $root as default
};
