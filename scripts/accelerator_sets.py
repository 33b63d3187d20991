"""What scripts and workers have to agree on about sets of native programs (docs/accelerators.md)."""
import hashlib

# worker/accelerators/table_format.h has the numbers.
ARGUMENTS = {'fine-prefix': 1, 'emulated-prefix': 2, 'emulated-word': 3, 'included-file': 4, 'replaced-file': 5}
VARIABLES = {'needed': 6, 'emulated-prefix': 7}


def tool_identity(manifest, tool):
    """What a calibration of the tool is worth for, as the worker computes it (ToolIdentity in accelerator_set.h)."""
    fields = []
    programs = {each['program'] for each in manifest['tools']}
    fields += [('program', file['sha256']) for file in manifest['files'] if file['path'] == tool['program']]
    fields.append(('stands for', tool['stands_for']['path'], tool['stands_for']['sha256']))
    fields += [('needs', file['path'], file['sha256']) for file in tool['needs']]
    for rule in tool['arguments']:
        replaced = (rule['from'], rule['to']) if rule['kind'] == 'replaced-file' else ('', '')
        fields.append(('rule', str(ARGUMENTS[rule['kind']]), rule['text'], *replaced))
    fields += [('rule', str(VARIABLES[rule['kind']]), rule['text'], '', '') for rule in tool.get('variables', [])]
    fields += sorted(('file', file['path'], file['sha256']) for file in manifest['files'] if file['path'] not in programs)
    return hashlib.sha256(b''.join(text.encode() + b'\0' for field in fields for text in field)).hexdigest()
