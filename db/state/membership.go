package state

import "juno"

// keyOp makes a change of keys that Prefix judged: the signatures are not checked again.
func (r *run) keyOp() (juno.Result, error) {
	o, err := juno.ParseKeyOp(r.entry.Payload)
	if err != nil {
		return refuse(juno.CodeSyntax, "%v", err).Result(), nil
	}
	refusal, err := r.admit(o.Key, o.Request)
	if err != nil {
		return juno.Result{}, err
	}
	if refusal == nil {
		if refusal, err = r.changeKeys(&o); err != nil {
			return juno.Result{}, err
		}
	}
	if refusal != nil {
		return refusal.Result(), nil
	}
	return accepted, nil
}

// changeKeys does to the elements what juno.KeyOp.Apply does to a keyring.
func (r *run) changeKeys(o *juno.KeyOp) (*Refusal, error) {
	fresh := juno.KeyRecord{
		ID: o.Public.ID(), Subject: o.Subject, Role: o.Role, Public: o.Public,
		From: r.entry.Index + 1, IntroducedBy: o.Key,
	}
	if o.Action != juno.KeyRevoke {
		known, err := r.m.signer(r.view, fresh.ID)
		if err != nil {
			return nil, err
		}
		if known != nil {
			return refuse(juno.CodeKey, "%s %s: key %s exists already",
				o.Action, o.Subject, fresh.ID), nil
		}
	}
	if o.Action != juno.KeyRegister {
		old, err := r.m.signer(r.view, o.Ends)
		if err != nil {
			return nil, err
		}
		if old == nil || old.Until != 0 {
			return refuse(juno.CodeKey, "%s key %s: it is not valid", o.Action, o.Ends), nil
		}
		ended := *old
		ended.Until, ended.RevokedBy = r.entry.Index+1, o.Key
		r.fx.write(AppendKeyKey(r.m.key[:0], ended.ID), AppendKeyRecord(nil, *old),
			AppendKeyRecord(r.m.value[:0], ended))
	}
	if o.Action != juno.KeyRevoke {
		r.fx.write(AppendKeyKey(r.m.key[:0], fresh.ID), nil, AppendKeyRecord(r.m.value[:0], fresh))
	}
	return nil, nil
}

// config puts the next membership in force, which Prefix judged.
func (r *run) config() (juno.Result, error) {
	c, err := juno.ParseConfigChange(r.entry.Payload)
	if err != nil {
		return refuse(juno.CodeSyntax, "%v", err).Result(), nil
	}
	before, err := r.view.Get(keyConfig)
	if err != nil {
		return juno.Result{}, err
	}
	r.fx.write(keyConfig, before, juno.AppendConfig(r.m.value[:0], &c.Next))
	return accepted, nil
}

// mode halts or resumes, which Prefix judged.
func (r *run) mode() (juno.Result, error) {
	c, err := juno.ParseModeChange(r.entry.Payload)
	if err != nil {
		return refuse(juno.CodeSyntax, "%v", err).Result(), nil
	}
	before, err := r.view.Get(keyMode)
	if err != nil {
		return juno.Result{}, err
	}
	mode := Mode{Halted: c.Halted, Nonce: c.Nonce, Set: r.entry.Index}
	r.fx.write(keyMode, before, AppendMode(r.m.value[:0], mode))
	return accepted, nil
}
