"""The impure corner of core: processes, files, HTTP over sockets."""
