"""What every part uses: types, protocols, errors, plug-ins, configuration, text."""
